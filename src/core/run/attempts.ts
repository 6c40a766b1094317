/**
 * The life of a node between `ready` and its end: handed over, claimed, given back, answered, tried again.
 *
 * `attempt` counts tries for the retry ladder. Every claim adds one; a try that does not count (given up in an orderly way,
 * lost with its worker, put off by the other side) takes it back when it ends.
 */
import type { PlanWait } from "../graph/plan.ts";
import { lookAfterChild } from "./children.ts";
import type { Draft } from "./draft.ts";
import type { Event } from "./event.ts";
import { expire } from "./expiry.ts";
import { isLate, mayPutOff, putOffTooLong } from "./bounds.ts";
import { backoffMs, immediateMs, isPoison, outcomeUnknown, poison } from "./ladder.ts";
import { isMapped, mapTimedOut } from "./maps.ts";
import { parkAfter } from "./parked.ts";
import { isCalledOff } from "./races.ts";
import {
  cancelNode,
  decided,
  enterWaiting,
  failDecided,
  giveUp,
  makeReady,
  park,
  succeed,
  tooLate,
  waitForRoom,
} from "./settle.ts";
import type { NodeState } from "./state.ts";

/** So often a node looks again whether its key is still held, in case nobody told it. */
const KEY_LOOK_MS = 30_000;

export function enqueued(draft: Draft, event: Event<"enqueued">): void {
  const { status, dispatches } = draft.node(event.node);
  if (status !== "ready" || draft.paused) return;
  draft.edit(event.node, { status: "queued", dispatches: dispatches + 1, dueAt: null });
}

export function requeued(draft: Draft, event: Event<"requeued">): void {
  const { status, fence, dispatches } = draft.node(event.node);
  if (status === "queued" && fence === event.fence) draft.edit(event.node, { dispatches: dispatches + 1 });
}

export function claimed(draft: Draft, event: Event<"claimed">): void {
  const { status, fence, attempt } = draft.node(event.node);
  if ((status !== "ready" && status !== "queued") || fence !== event.fence || draft.paused) return;
  if (isLate(draft, event.node)) return tooLate(draft, event.node, null);
  const { worker } = event;
  draft.edit(event.node, {
    status: "running",
    fence: fence + 1,
    attempt: attempt + 1,
    worker,
    dispatches: 0,
    dueAt: null,
  });
}

/**
 * It has not begun, so no attempt is counted, and none of this generation was made before where none was until now. It looks again at
 * its deadline at the latest.
 */
export function keyHeld(draft: Draft, event: Event<"keyHeld">): void {
  const { status, fence, attempt, keyFence, deadlineAt } = draft.node(event.node);
  if ((status !== "ready" && status !== "queued") || fence !== event.fence || draft.paused) return;
  if (isLate(draft, event.node)) return tooLate(draft, event.node, null);
  const left = deadlineAt === null ? KEY_LOOK_MS : deadlineAt - Math.ceil(draft.now);
  if (fence === keyFence) draft.edit(event.node, { keyFence: keyFence + 1 });
  enterWaiting(draft, event.node, { reason: "key", delayMs: Math.min(KEY_LOOK_MS, left), attempt });
}

export function givenBack(draft: Draft, event: Event<"givenBack">): void {
  const { status, fence } = draft.node(event.node);
  if (status !== "queued" || fence !== event.fence) return;
  const { delayMs } = event;
  const dueAt = delayMs === null ? null : Math.ceil(draft.now) + Math.ceil(delayMs);
  draft.edit(event.node, { status: "ready", dueAt });
}

export function released(draft: Draft, event: Event<"released">): void {
  const node = runningAction(draft, event);
  if (!node) return;
  if (isUnwanted(draft, event.node)) return cancelNode(draft, event.node);
  makeReady(draft, event.node, { fence: node.fence + 1, attempt: node.attempt - 1 });
}

export function leaseLost(draft: Draft, event: Event<"leaseLost">): void {
  const node = runningAction(draft, event);
  if (!node) return;
  const losses = node.losses + 1;
  const { error, verdict } = event;
  if (verdict.type !== "retry" || isUnwanted(draft, event.node)) return fail(draft, event, node);
  if (isPoison(losses)) return park(draft, event.node, poison(error, losses));
  makeReady(draft, event.node, { fence: node.fence + 1, attempt: node.attempt - 1, losses });
}

export function succeeded(draft: Draft, event: Event<"succeeded">): void {
  if (!isRunning(draft, event)) return;
  succeed(draft, event.node, "success");
  draft.setOutput(event.node, event.output);
}

export function failed(draft: Draft, event: Event<"failed">): void {
  if (!isRunning(draft, event)) return;
  const node = draft.node(event.node);
  if (draft.planned(event.node).kind === "output") return failOutput(draft, event, node);
  if (event.verdict.type === "retry" && !isUnwanted(draft, event.node)) return retry(draft, event, node);
  fail(draft, event, node);
}

/** Rendering is not claimed, but a failure counts like that of a claim: from here on `$output` has a row of its own. */
function failOutput(draft: Draft, { node: index, error }: Event<"failed">, node: NodeState): void {
  draft.edit(index, { fence: node.fence + 1, attempt: node.attempt + 1 });
  park(draft, index, error);
}

export function timerFired(draft: Draft, event: Event<"timerFired">): void {
  const { status, fence } = draft.node(event.node);
  if (fence !== event.fence || draft.paused) return;
  if (draft.planned(event.node).kind === "output") return expire(draft);
  if ((status === "ready" || status === "queued") && isLate(draft, event.node))
    return tooLate(draft, event.node, null);
  if (isMapped(draft.node(event.node)) && isLate(draft, event.node)) return mapTimedOut(draft, event.node);
  if (status === "waiting" || status === "ready") fire(draft, event.node);
}

/** What was due happens: a timer ends, a message is waited for no longer, an attempt may begin. */
export function fire(draft: Draft, index: number): void {
  const { waitingFor, dueAt } = draft.node(index);
  switch (waitingFor) {
    case "timer":
      if (draft.planned(index).kind === "trigger") return onTime(draft, index);
      return decided(draft, index, { outcome: "elapsed", output: null });
    case "message":
      return timeOut(draft, index);
    case "retry":
    case "key":
      return makeReady(draft, index, {});
    case "concurrency": // is never due: who comes before it ends it
    case "child":
      return lookAfterChild(draft, index);
    case "map": // is never due: its items end it
    case null:
      // A node that was given back and held until now.
      if (dueAt !== null) makeReady(draft, index, {});
  }
}

/** The trigger's time has come. Whether there is room for the run is asked only now. */
function onTime(draft: Draft, trigger: number): void {
  if (draft.plan.concurrency) waitForRoom(draft, trigger);
  else succeed(draft, trigger, "fired");
}

function timeOut(draft: Draft, index: number): void {
  // Only a wait waits for a message.
  const node = draft.planned(index) as PlanWait;
  if (node.hasTimeoutEdge || node.onTimeout === "skip")
    return decided(draft, index, { outcome: "timeout", output: null });
  failDecided(draft, index, {
    class: "wait_timed_out",
    message: `Nothing came for the wait "${node.id}" in time.`,
  });
}

/** Immediate attempts come once, after the first; then the pauses of the ladder; then the node gives up. */
function retry(draft: Draft, event: Event<"failed">, node: NodeState): void {
  const { retry: policy, random } = event;
  const { attempt } = node;
  const pause = policy.backoffMs[attempt - 1 - policy.immediate];
  if (attempt <= policy.immediate) {
    retryAtOnce(draft, event, node);
  } else if (pause !== undefined) {
    tryAfter(draft, event, { delayMs: backoffMs(pause, random), attempt });
  } else {
    giveUp(draft, event.node, event.error);
  }
}

function retryAtOnce(draft: Draft, { node, error, random }: Event<"failed">, before: NodeState): void {
  const { attempt } = before;
  const delayMs = immediateMs(random);
  if (isLate(draft, node, delayMs)) return tooLate(draft, node, error);
  if (draft.paused) return enterWaiting(draft, node, { reason: "retry", delayMs: 0, attempt });
  const fence = before.fence + 1;
  draft.edit(node, { fence, attempt: attempt + 1, losses: 0 });
  draft.command({ type: "retryNow", node, fence, delayMs });
}

function tryAfter(
  draft: Draft,
  { node, error }: Event<"failed" | "leaseLost">,
  pause: { readonly delayMs: number; readonly attempt: number },
): void {
  if (isLate(draft, node, pause.delayMs)) return tooLate(draft, node, error);
  enterWaiting(draft, node, { reason: "retry", ...pause });
}

/** A failure that the ladder has nothing to do with. */
function fail(draft: Draft, event: Event<"failed" | "leaseLost">, node: NodeState): void {
  const { verdict, error } = event;
  if (verdict.type === "outcomeUnknown") return park(draft, event.node, outcomeUnknown(error));
  if (isUnwanted(draft, event.node)) return cancelNode(draft, event.node);
  if (verdict.type === "parked")
    return parkAfter(draft, node, { index: event.node, error, delayMs: verdict.delayMs });
  if (verdict.type !== "later" && verdict.type !== "notYet") return giveUp(draft, event.node, error);
  const delayMs = Math.max(0, Math.ceil(verdict.afterMs));
  if (verdict.type === "later") {
    if (!mayPutOff(draft, event.node, delayMs)) return failDecided(draft, event.node, putOffTooLong(error));
    draft.edit(event.node, { putOffMs: node.putOffMs + delayMs });
  }
  tryAfter(draft, event, { delayMs, attempt: node.attempt - 1 });
}

function isUnwanted(draft: Draft, index: number): boolean {
  return isCalledOff(draft.plan, draft, index);
}

function isRunning(draft: Draft, event: { node: number; fence: number }): boolean {
  const { status, fence, waitingFor } = draft.node(event.node);
  return status === "running" && waitingFor === null && fence === event.fence;
}

function runningAction(draft: Draft, event: { node: number; fence: number }): NodeState | null {
  return isRunning(draft, event) && draft.planned(event.node).kind === "action"
    ? draft.node(event.node)
    : null;
}
