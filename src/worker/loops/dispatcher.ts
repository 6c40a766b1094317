/** The dispatcher: takes up node runs that are ready and that nobody handed over (a start elsewhere, a task given back). */
import type { NodeRef, Store } from "../../core/ports/store.ts";
import type { IntentResult } from "../intent.ts";
import type { RunTable } from "../run-table.ts";
import { keyOf, UnderWay } from "./under-way.ts";

const PAGE = 500;
const BUSY_MS = 100;
const IDLE_MS = 650;

export function dispatcherRound(store: Store, table: RunTable): () => Promise<number> {
  const underWay = new UnderWay();
  const offer = (ref: NodeRef): Promise<IntentResult> =>
    table.submitFor(ref, (node) => ({ type: "offer", node, fence: ref.fence }));
  return async () => {
    const ready = await store.undispatched(PAGE);
    const applied = await underWay.ask(ready, { keyOf, submit: offer });
    return applied > 0 ? BUSY_MS : IDLE_MS;
  };
}
