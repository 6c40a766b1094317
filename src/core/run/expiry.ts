/**
 * The deadline of a run: what has not ended by then is cancelled, and the run fails.
 *
 * It is kept with `$output`, which the run that ends in time makes in the end: that node has a row while the run has a deadline, and
 * becomes a dead letter `deadline_exceeded` when it passes. A run at rest has no deadline any more, also when it goes on afterwards.
 */
import { isCompensation, OUTPUT_NODE } from "../graph/plan.ts";
import { isLate } from "./bounds.ts";
import type { Draft } from "./draft.ts";
import type { Event } from "./event.ts";
import { park, stop } from "./settle.ts";
import type { NodeState } from "./state.ts";

/** The outcome of `$output` in a run whose deadline has passed. */
const EXPIRED = "deadline";

export function setDeadline(draft: Draft, { at = 0, deadlineMs }: Event<"started">): void {
  const ms = deadlineMs ?? draft.plan.deadlineMs;
  if (ms === null) return;
  draft.edit(outputOf(draft), { deadlineAt: Math.max(Math.ceil(draft.now), at) + ms });
}

/** A run that came to rest is not hurried by what is left of its time, when somebody mends it. */
export function forgetDeadline(draft: Draft): void {
  const output = outputOf(draft);
  if (draft.node(output).deadlineAt !== null) draft.edit(output, { deadlineAt: null });
}

/** Does nothing before its time, and where the run is paused, cancelled or undone already. */
export function expire(draft: Draft): void {
  const output = outputOf(draft);
  if (draft.cancelled || draft.compensate || !isLate(draft, output)) return;
  draft.cancelled = true;
  draft.compensate = draft.plan.compensatesOnFailure;
  for (const node of draft.plan.nodes)
    if (node.kind !== "output" && !isCompensation(node)) stop(draft, node.index);
  const { fence, attempt } = draft.node(output);
  draft.edit(output, { fence: fence + 1, attempt: attempt + 1 });
  park(draft, output, {
    class: "deadline_exceeded",
    message: "The run did not end before its deadline.",
  });
  draft.edit(output, { outcome: EXPIRED });
}

/** The state is that of `$output`. */
export function isExpired({ outcome }: NodeState): boolean {
  return outcome === EXPIRED;
}

function outputOf({ plan }: Draft): number {
  return plan.indexOf.get(OUTPUT_NODE)!;
}
