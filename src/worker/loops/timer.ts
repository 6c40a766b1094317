/** The timer: wakes waits and retries that are due by the store's clock, at most about a second late. */
import type { Store } from "../../core/ports/store.ts";
import type { RunTable } from "../run-table.ts";

const PAGE = 500;
const IDLE_MS = 650;

export function timerRound(store: Store, table: RunTable): () => Promise<number> {
  return async () => {
    const due = await store.due(PAGE);
    const results = await Promise.all(
      due.map((ref) => {
        const { fence } = ref;
        return table.submitFor(ref, (node) => ({
          type: "event",
          event: { type: "timerFired", node, fence },
        }));
      }),
    );
    // A full page means that more is due; but a page of which nothing moved must not become a busy loop.
    return due.length === PAGE && results.includes("applied") ? 0 : IDLE_MS;
  };
}
