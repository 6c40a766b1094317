/** Goes on with events that nobody hands on any more, or whose publisher left the rest to others, and deletes those whose time is over. */
import type { EventDetail } from "../../core/ports/events.ts";
import type { Store } from "../../core/ports/store.ts";

const EVENTS = 20;
/** Of each event in one round, so that a large one does not hold up those that come after it. */
const PAGES = 10;
const IDLE_MS = 500;
const EXPIRED = 500;
/** Rounds between two looks for what is over. */
const EXPIRE_EVERY = 60;

/** What the engine does for events. */
export interface EventRuns {
  readonly holdMs: number;
  /** Hands it on, at most so many pages. */
  handOn(event: EventDetail, pages: number): Promise<unknown>;
}

export function eventsRound(store: Pick<Store, "events">, events: EventRuns): () => Promise<number> {
  let rounds = 0;
  return async () => {
    if (rounds % EXPIRE_EVERY === 0 && (await store.events.expire(EXPIRED)) === EXPIRED) return 0;
    rounds++;
    const due = await store.events.due({ holdMs: events.holdMs, limit: EVENTS });
    await Promise.all(due.map((event) => events.handOn(event, PAGES)));
    return due.length > 0 ? 0 : IDLE_MS;
  };
}
