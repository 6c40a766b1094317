/**
 * The timer: wakes waits and retries that are due by the store's clock, at most about a second late; a fraction of that while something
 * falls due all the time.
 */
import type { NodeRef, Store } from "../../core/ports/store.ts";
import type { IntentResult } from "../intent.ts";
import type { RunTable } from "../run-table.ts";
import { keyOf, UnderWay } from "./under-way.ts";

/** So many that loading some, deciding others and storing a third part of them overlap when very many fall due at once. */
const PAGE = 2_000;
/** With the jitter of a loop an idle pause is a second at times; what falls due in a steady stream must not be that late. */
const BUSY_MS = 100;
const IDLE_MS = 650;

export function timerRound(
  store: Pick<Store, "due">,
  table: Pick<RunTable, "submitFor">,
): () => Promise<number> {
  const underWay = new UnderWay();
  const fire = (ref: NodeRef): Promise<IntentResult> =>
    table.submitFor(ref, (node) => ({
      type: "event",
      event: { type: "timerFired", node, fence: ref.fence },
    }));
  return async () => {
    const due = await store.due(PAGE);
    const applied = await underWay.ask(due, { keyOf, submit: fire });
    // A full page means that more is due; but a page of which nothing moved must not become a busy loop.
    if (applied === 0) return IDLE_MS;
    return due.length === PAGE ? 0 : BUSY_MS;
  };
}
