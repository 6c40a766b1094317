/**
 * Compensation: what succeeded is undone, when a run is cancelled so, or fails and its workflow says `onFailure: "compensate"`.
 *
 * It begins when nothing else can move, and ends what is left of the run: open dead letters are closed as `compensated`, and what
 * has not begun is cancelled. Then the compensations run one after the other, in the order of the plan (the reverse of that of
 * their nodes), each of a node that succeeded, or of the items of a map that did. One that gives up is a dead letter, and those behind it wait until it is resolved.
 */
import { isCompensation } from "../graph/plan.ts";
import type { Draft } from "./draft.ts";
import { isExpired } from "./expiry.ts";
import { cancelNode, makeReady, settle } from "./settle.ts";
import { isUnresolved, type RunStatus, TERMINAL } from "./state.ts";

/** Begins to compensate, or goes on with it, where nothing else moves and it is asked for. */
export function compensate(draft: Draft): void {
  if (draft.paused || alive(draft) > 0 || !isAskedFor(draft)) return;
  draft.compensate = true;
  closeTheRest(draft);
  if (draft.deadLetters > 0) return;
  const next = draft.plan.nodes.find(
    (node) =>
      isCompensation(node) &&
      draft.node(node.index).status === "pending" &&
      mayHaveDone(draft, node.compensates),
  );
  if (next) makeReady(draft, next.index, {});
}

/** A node that succeeded. A map that began, however it ended: items of it may have succeeded, and the store knows which. */
function mayHaveDone(draft: Draft, index: number): boolean {
  const { status, fence } = draft.node(index);
  const node = draft.planned(index);
  return status === "succeeded" || (node.kind === "action" && node.map !== null && fence > 0);
}

/** Of a run that is, or will be, compensated. One that rests with a dead letter goes on when that is resolved. */
export function compensationStatus(draft: Draft): RunStatus {
  if (alive(draft) > 0) return isUnderWay(draft) ? "compensating" : "cancelling";
  const isFailed = draft.deadLetters > 0 || isExpired(draft.node(draft.plan.nodes.length - 1));
  return draft.cancelled && !isFailed ? "cancelled" : "failed";
}

export function alive(draft: Draft): number {
  return draft.startable + draft.running + draft.waiting;
}

/** A run that was cancelled without a compensation keeps its dead letters. */
function isAskedFor({ compensate, cancelled, deadLetters, plan }: Draft): boolean {
  return compensate || (plan.compensatesOnFailure && !cancelled && deadLetters > 0);
}

/** Else only actions are left that were running at the cancel. */
function isUnderWay(draft: Draft): boolean {
  return draft.plan.nodes.some((node) => {
    const { status } = draft.node(node.index);
    return isCompensation(node) && status !== "pending" && !TERMINAL.has(status);
  });
}

function closeTheRest(draft: Draft): void {
  for (const node of draft.plan.nodes) {
    if (isCompensation(node)) continue;
    const state = draft.node(node.index);
    if (state.status === "pending") cancelNode(draft, node.index);
    if (!isUnresolved(state)) continue;
    draft.edit(node.index, { failure: "compensated" });
    draft.ended.push(node.index);
  }
  settle(draft);
}
