/** Maps, as the model sees them. */
import type { RunEvent } from "../../../src/core/run/event.ts";
import type { Ledger } from "./model-ledger.ts";

type MapEvent = Extract<RunEvent, { type: "mapStarted" | "mapEnded" }>;

/** The fence of the event is that of the node. `unwanted`: nobody wants the node any more. */
export function takeMap(
  ledger: Ledger,
  event: MapEvent,
  { id, unwanted }: { id: string; unwanted: boolean },
): void {
  const spec = ledger.spec.nodes[id];
  const { status, waitingFor } = ledger.told(id);
  if (spec?.kind !== "action" || spec.map === undefined || status !== "running") return;
  if (event.type === "mapStarted") {
    if (waitingFor === null) again(ledger, id);
    return;
  }
  if (waitingFor !== "map") return;
  const { open, failed, unfinished, error, output } = event;
  const isFailure = failed > 0 && spec.map === "fail";
  if (open > 0) {
    ledger.errors.set(id, error.class);
    ledger.command("record", id, "null", error.class);
    return ledger.note(id, { is: "itemsLeft" });
  }
  if (unfinished > 0 || (unwanted && isFailure)) return ledger.cancelNode(id);
  if (isFailure) return ledger.failDecided(id, error);
  ledger.outputs.set(id, output);
  ledger.note(id, { is: "ended", as: "succeeded", outcome: "success" });
}

export function resolveItem(
  ledger: Ledger,
  id: string,
  { event, unwanted }: { event: RunEvent; unwanted: boolean },
): void {
  const { waitingFor, failure } = ledger.told(id);
  if ((unwanted && event.type === "redriven") || (waitingFor !== "map" && failure !== "items")) return;
  ledger.errors.delete(id);
  again(ledger, id);
}

function again(ledger: Ledger, id: string): void {
  ledger.note(id, { is: "mapped" });
  ledger.command("openMap", id);
}
