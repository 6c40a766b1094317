/** Deletes events of feeds whose time is over. */
import type { Store } from "../../core/ports/store.ts";

const PAGE = 5_000;
const EVERY_MS = 60_000;

export function feedRound(store: Pick<Store, "feed">): () => Promise<number> {
  return async () => ((await store.feed.trim(PAGE)) === PAGE ? 0 : EVERY_MS);
}
