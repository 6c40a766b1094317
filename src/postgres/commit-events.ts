/** The part of the commit statement that publishes the engine's own events, where somebody listens. */
import { EVENT_SHORT_MS } from "../core/ports/events.ts";

/**
 * Whether the workflow of a trigger is enabled, and whether the run that waits is the one that ends here, is seen when the event is
 * handed on.
 */
export function announcePart(s: string, announcements: string): string {
  return `announced as (
  insert into ${s}.events (workspace, id, name, payload, fingerprint, chain, published_at, expires_at, due_at)
  select b.workspace, b.id, b.name, b.payload, '', b.chain, clock.t, clock.t + ${EVENT_SHORT_MS}, clock.t
  from f, clock, ${announcements}
  where f.had[b.i] >= 0 and (
    exists (select from ${s}.triggers t where t.type = 'event' and t.name = b.name and t.workspace = b.workspace)
    or exists (select from ${s}.event_listeners e where e.workspace = b.workspace and e.event = b.name))
  on conflict do nothing)`;
}
