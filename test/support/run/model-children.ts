/** Child runs, as the model sees them. */
import type { RunEvent } from "../../../src/core/run/event.ts";
import { type Ledger, LOOK_MS } from "./model-ledger.ts";

/** The node was claimed, and waits for its child from now on. */
export function openChild(ledger: Ledger, id: string, unwanted: boolean): void {
  if (!runsChild(ledger, id)) return;
  if (unwanted) return ledger.cancelNode(id);
  ledger.enter(id, { reason: "child", delayMs: LOOK_MS });
  ledger.command("openChild", id, "true");
}

export function seeChild(ledger: Ledger, id: string, unwanted: boolean): void {
  const { waitingFor, dueAt } = ledger.told(id);
  if (waitingFor !== "child" || dueAt === null || unwanted) return;
  ledger.note(id, { is: "looked", due: null });
  ledger.command("schedule", id, "null");
}

export function endChild(
  ledger: Ledger,
  id: string,
  { event, unwanted }: { event: Extract<RunEvent, { type: "childEnded" }>; unwanted: boolean },
): void {
  const { generation, waitingFor, failure } = ledger.told(id);
  if (!runsChild(ledger, id) || generation !== event.generation) return;
  const isLateSuccess = failure === "open" && event.status === "succeeded";
  if (waitingFor !== "child" && !isLateSuccess) return;
  if (event.status === "succeeded") {
    ledger.errors.delete(id);
    ledger.outputs.set(id, event.output);
    return ledger.note(id, { is: "ended", as: "succeeded", outcome: "success" });
  }
  if (unwanted) ledger.cancelNode(id);
  else ledger.failDecided(id, event.error);
}

function runsChild(ledger: Ledger, id: string): boolean {
  const spec = ledger.spec.nodes[id];
  return spec?.kind === "action" && spec.child === true;
}
