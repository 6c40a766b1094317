/**
 * What people ask of a run: cancel, pause, resume, and what becomes of a dead letter.
 *
 * Pause: nothing starts, timers do not fire, messages wake nobody, and the run does not come to rest. What runs is recorded
 * and decided as always, waits are entered and their clocks go on; `resumed` makes up for what fell due.
 *
 * Cancel: a run that was cancelled keeps its dead letters. They may be completed or discarded, which changes nothing else;
 * they are never run again. What a cancel or a failure undoes is in `compensation.ts`; that can be neither paused nor cancelled.
 */
import { isCompensation, type PlanCondition, type PlanNode, type PlanWait } from "../graph/plan.ts";
import type { Draft } from "./draft.ts";
import type { Event } from "./event.ts";
import { fire } from "./attempts.ts";
import { isTimer } from "./kept.ts";
import { resumeMaps } from "./maps.ts";
import { deliverKept } from "./messages.ts";
import { beginAnew } from "./move-run.ts";
import { refusalOf } from "./refusal.ts";
import { decided, makeReady, start, stop, succeed } from "./settle.ts";
import type { NodeStatus } from "./state.ts";

export function cancelled(draft: Draft, { compensate }: Event<"cancelled">): void {
  // Who cancels again may ask for more, until the run is at rest.
  if (draft.cancelled && draft.status === "cancelling") draft.compensate ||= compensate;
  if (draft.cancelled || draft.compensate) return;
  draft.cancelled = true;
  draft.paused = false;
  draft.compensate = compensate;
  for (const node of draft.plan.nodes) if (!isCompensation(node)) stop(draft, node.index);
}

/** What was handed to the queue is taken back; its task will find the run paused, and do nothing. */
export function paused(draft: Draft): void {
  if (draft.paused || draft.cancelled || draft.compensate || draft.status === "failed") return;
  draft.paused = true;
  for (const { index, kind } of draft.plan.nodes) {
    const { status } = draft.node(index);
    if (status === "queued") draft.edit(index, { status: "ready" });
    if (status === "running" && kind === "output") draft.edit(index, { status: "pending" });
  }
}

export function resumed(draft: Draft): void {
  if (!draft.paused) return;
  draft.paused = false;
  const ready = indexesOf(draft, "ready");
  const waiting = indexesOf(draft, "waiting");
  deliverKept(draft);
  for (const index of waiting) {
    const { status, dueAt, waitingFor } = draft.node(index);
    // That its key was settled during the pause, a node was told in vain.
    const isDue = dueAt !== null && (dueAt <= draft.now || waitingFor === "key");
    if (status === "waiting" && isDue) fire(draft, index);
  }
  resumeMaps(draft);
  // What a message decided may have called some of them off.
  for (const index of ready) if (draft.node(index).status === "ready") makeReady(draft, index, {});
}

export function redriven(draft: Draft, event: Event<"redriven">): void {
  if (refusalOf(draft.plan, draft, { node: event.node, action: "redrive" })) return;
  if (event.moved) beginAnew(draft);
  const { fence, generation, keyFence } = draft.node(event.node);
  const again = { attempt: 0, losses: 0, dispatches: 0, failure: null, worker: null } as const;
  draft.edit(event.node, {
    ...again,
    status: "pending",
    fence: fence + 1,
    generation: event.newKey ? generation + 1 : generation,
    keyFence: event.newKey ? fence + 1 : keyFence,
  });
  draft.setError(event.node, null);
  start(draft, event.node);
}

export function completed(draft: Draft, event: Event<"completed">): void {
  if (refusalOf(draft.plan, draft, { node: event.node, action: "complete" })) return;
  const node = draft.planned(event.node);
  const outcome = outcomeOf(node, event.outcome);
  if (outcome === null) return;
  draft.setError(event.node, null);
  if (node.kind === "condition") return decided(draft, event.node, { outcome, output: { outcome } });
  if (node.kind === "wait") return decided(draft, event.node, { outcome, output: event.output });
  succeed(draft, event.node, outcome);
  draft.setOutput(event.node, event.output);
}

export function discarded(draft: Draft, event: Event<"discarded">): void {
  if (refusalOf(draft.plan, draft, { node: event.node, action: "discard" })) return;
  draft.edit(event.node, { failure: "discarded" });
  draft.ended.push(event.node);
}

/** The outcome that completing the node by hand means; `null`: the node does not have the one that was asked for. */
function outcomeOf(node: PlanNode, asked: string | undefined): string | null {
  if (node.kind !== "condition" && node.kind !== "wait") return "success";
  return asked !== undefined && outcomesOf(node).includes(asked) ? asked : null;
}

/** The outcomes with which a condition or a wait can be completed by hand. */
export function outcomesOf(node: PlanCondition | PlanWait): readonly string[] {
  if (node.kind === "condition") return [...node.cases.map((one) => one.outcome), "else"];
  return isTimer(node) ? ["elapsed"] : ["received", "timeout"];
}

function indexesOf(draft: Draft, status: NodeStatus): readonly number[] {
  return draft.nodes.flatMap((node, index) => (node.status === status ? [index] : []));
}
