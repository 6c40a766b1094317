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
  const mode = modeOf(ledger, id);
  const { status, waitingFor } = ledger.told(id);
  if (mode === undefined || status !== "running") return;
  if (event.type === "mapStarted") {
    if (waitingFor === null) again(ledger, id);
    return;
  }
  if (waitingFor !== "map") return;
  const { open, failed, unfinished, error, output } = event;
  const isFailure = failed > 0 && mode === "fail";
  const overdue = ledger.told(id).outcome === "deadline";
  if (open > 0) {
    ledger.errors.set(id, error.class);
    ledger.command("record", id, "null", error.class);
    return ledger.note(id, { is: "itemsLeft" });
  }
  if (overdue && unfinished > 0 && !unwanted) return ledger.giveUpLate(id);
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
  const spec = ledger.spec.nodes[id];
  const { deadlineAt, outcome } = ledger.told(id);
  if (event.type === "redriven" && spec?.kind === "action") {
    const lasts = spec.deadline === undefined ? null : ledger.now + spec.deadline;
    ledger.note(id, { is: "bounded", until: deadlineAt ?? lasts });
  }
  if (event.type !== "redriven" && outcome === "deadline") overdue(ledger, id);
  else again(ledger, id);
}

/** What the node did is to be undone: it succeeded, or is a map that began. */
export function mayHaveDone(ledger: Ledger, id: string): boolean {
  const { status, fence } = ledger.told(id);
  return status === "succeeded" || (modeOf(ledger, id) !== undefined && fence > 0);
}

/** What undoes a map is a map, and collects nothing. */
function modeOf(ledger: Ledger, id: string): "fail" | "collect" | undefined {
  const undone = ledger.undone.get(id);
  const spec = ledger.spec.nodes[undone ?? id];
  const mode = spec?.kind === "action" ? spec.map : undefined;
  return mode && undone !== undefined ? "fail" : mode;
}

/** The time of the map is over. */
export function overdue(ledger: Ledger, id: string): void {
  ledger.note(id, { is: "overdue" });
  ledger.command("openMap", id);
}

function again(ledger: Ledger, id: string): void {
  ledger.note(id, { is: "mapped" });
  ledger.command("openMap", id);
}
