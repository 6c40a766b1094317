/** The ticker: starts what schedules say is due, by the store's clock, and keeps the schedules those of the newest versions. */
import type { Store } from "../../core/ports/store.ts";
import { syncSchedules, type Ticks } from "../ticks.ts";

const PAGE = 500;
const IDLE_MS = 650;
/** Rounds between two looks for schedules whose trigger is gone: they are not due any more anyway. */
const PRUNE_EVERY = 15;

export function tickerRound(store: Pick<Store, "schedules">, ticks: Ticks): () => Promise<number> {
  let rounds = 0;
  return async () => {
    if (rounds++ % PRUNE_EVERY === 0) await store.schedules.prune();
    await syncSchedules(store);
    const { now, schedules } = await store.schedules.due(PAGE);
    const moved = await Promise.all(schedules.map((schedule) => ticks.fire(schedule, now)));
    // Each has had one tick, and may have missed more.
    return moved.some(Boolean) ? 0 : IDLE_MS;
  };
}
