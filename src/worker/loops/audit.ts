/** Deletes what people did so long ago that nobody keeps it. */
import type { Store } from "../../core/ports/store.ts";

const PAGE = 500;
const EVERY_MS = 300_000;

/** `keepMs`: `null`: for ever. */
export function auditRound(store: Pick<Store, "audit">, keepMs: number | null): () => Promise<number> {
  return async () => {
    if (keepMs === null) return EVERY_MS;
    return (await store.audit.expire({ olderThanMs: keepMs, limit: PAGE })) === PAGE ? 0 : EVERY_MS;
  };
}
