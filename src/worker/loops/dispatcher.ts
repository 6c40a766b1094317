/** The dispatcher: takes up node runs that are ready and that nobody handed over (a start elsewhere, a task given back). */
import type { Store } from "../../core/ports/store.ts";
import type { RunTable } from "../run-table.ts";

const PAGE = 500;
const BUSY_MS = 100;
const IDLE_MS = 650;

export function dispatcherRound(store: Store, table: RunTable): () => Promise<number> {
  return async () => {
    const ready = await store.undispatched(PAGE);
    const results = await Promise.all(
      ready.map((ref) => table.submitFor(ref, (node) => ({ type: "offer", node, fence: ref.fence }))),
    );
    return results.includes("applied") ? BUSY_MS : IDLE_MS;
  };
}
