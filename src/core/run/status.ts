/** What the run as a whole is, after every event. */
import { alive, compensate, compensationStatus } from "./compensation.ts";
import type { Draft } from "./draft.ts";
import { isSettled } from "./edges.ts";
import { forgetDeadline, isExpired } from "./expiry.ts";
import type { RunStatus } from "./state.ts";

/** Of a run that has begun. Asks for the output once everything else is done, and says when the run comes to rest. */
export function conclude(draft: Draft): void {
  compensate(draft);
  const output = draft.plan.nodes.length - 1;
  if (mayRender(draft, output)) {
    draft.edit(output, { status: "running" });
    draft.command({ type: "renderOutput", node: output });
  }
  const status = statusOf(draft, output);
  if (status === draft.status) return;
  draft.status = status;
  if (status === "failed") forgetDeadline(draft);
  if (status === "succeeded" || status === "failed" || status === "cancelled")
    draft.command({ type: "finish", status });
}

function mayRender(draft: Draft, output: number): boolean {
  if (draft.paused || draft.cancelled || draft.deadLetters > 0 || alive(draft) > 0) return false;
  return draft.node(output).status === "pending";
}

function statusOf(draft: Draft, output: number): RunStatus {
  if (draft.compensate) return compensationStatus(draft);
  if (draft.cancelled) {
    // Actions that run, and children that have not ended: nothing else is left.
    if (alive(draft) > 0) return "cancelling";
    return isExpired(draft.node(output)) ? "failed" : "cancelled";
  }
  if (isSettled(draft.node(output))) return "succeeded";
  if (draft.paused) return "paused";
  if (alive(draft) === 0) return "failed";
  if (isPutOff(draft)) return "queued";
  if (draft.waiting === alive(draft)) return "waiting";
  return draft.begun || draft.running > 0 ? "running" : "queued";
}

/** The run's start is in the future: its trigger has not fired. */
function isPutOff({ trigger, nodes }: Draft): boolean {
  return trigger !== null && nodes[trigger]!.status === "waiting";
}
