/** Deletes idempotency keys whose time is over. Nothing waits for it: a key that is over is free even while its row is there. */
import type { Store } from "../../core/ports/store.ts";

const PAGE = 500;
const EVERY_MS = 60_000;

export function keysRound(store: Store): () => Promise<number> {
  return async () => {
    const starts = await store.expireKeys(PAGE);
    const actions = await store.expireActionKeys(PAGE);
    return starts === PAGE || actions === PAGE ? 0 : EVERY_MS;
  };
}
