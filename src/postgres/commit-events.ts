/** How the engine publishes the its own events, where somebody listens. */
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
  where f.had[b.i] >= 0 and ${isHeard(s)}
  on conflict do nothing)`;
}

/** The same by itself. $1: workspaces, $2: ids, $3: names, $4: payloads, $5: chains. */
export function announceText(s: string): string {
  return `with clock as materialized (select ${s}.now() as t)
    insert into ${s}.events (workspace, id, name, payload, fingerprint, chain, published_at, expires_at, due_at)
    select b.workspace, b.id, b.name, b.payload, '', b.chain, clock.t, clock.t + ${EVENT_SHORT_MS}, clock.t
    from clock, unnest($1::text[], $2::text[], $3::text[], $4::json[], $5::json[]) as b(workspace, id, name, payload, chain)
    where ${isHeard(s)} on conflict do nothing`;
}

function isHeard(s: string): string {
  return `(exists (select from ${s}.triggers t where t.type = 'event' and t.name = b.name and t.workspace = b.workspace)
    or exists (select from ${s}.event_listeners e where e.workspace = b.workspace and e.event = b.name))`;
}
