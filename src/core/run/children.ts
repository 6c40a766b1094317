/**
 * Child runs: a node that runs another workflow, and waits for its end without a worker.
 *
 * Its node is claimed like any other, by a worker that renders what the child is started with; then it is `waiting` for its child,
 * under a new fence. The shell starts the child once that is durable, and looks again from time to time as long as nobody has seen
 * it started: its id follows from the node, so that twice is once. The child says how it ended, each time that it comes to rest.
 *
 * Whoever calls the node off has the child cancelled first: the node ends when the child has.
 */
import { LOOK_MS } from "./bounds.ts";
import type { Draft } from "./draft.ts";
import type { Event } from "./event.ts";
import { isCalledOff } from "./races.ts";
import { cancelNode, enterWaiting, failDecided, succeed } from "./settle.ts";
import type { NodeState } from "./state.ts";

export function childOpened(draft: Draft, { node, fence }: Event<"childOpened">): void {
  const { status, fence: present, waitingFor, attempt } = draft.node(node);
  if (status !== "running" || present !== fence || waitingFor !== null || !runsChild(draft, node)) return;
  if (isCalledOff(draft.plan, draft, node)) return cancelNode(draft, node);
  enterWaiting(draft, node, { reason: "child", delayMs: LOOK_MS, attempt });
  draft.command({ type: "openChild", node, isFirst: true });
}

/** Somebody has seen it: nothing is left to do but to wait. */
export function childSeen(draft: Draft, { node, fence }: Event<"childSeen">): void {
  const state = draft.node(node);
  if (!waitsForChild(state) || state.fence !== fence || state.dueAt === null) return;
  // A child that is called off is told again, until it has ended.
  if (isCalledOff(draft.plan, draft, node)) return;
  draft.edit(node, { dueAt: null });
  draft.command({ type: "schedule", node, delayMs: null });
}

/** A child that succeeds after all resolves the dead letter that its failure had made. */
export function childEnded(draft: Draft, event: Event<"childEnded">): void {
  const { node, generation, status, output, error } = event;
  const state = draft.node(node);
  if (state.generation !== generation || !runsChild(draft, node)) return;
  const mended = state.failure === "open" && status === "succeeded";
  if (!waitsForChild(state) && !mended) return;
  if (status === "succeeded") {
    draft.setError(node, null);
    succeed(draft, node, "success");
    draft.setOutput(node, output);
  } else if (isCalledOff(draft.plan, draft, node)) {
    cancelNode(draft, node);
  } else {
    failDecided(draft, node, error);
  }
}

/** Its time to be looked at has come. The fence stays, so the time tells a timer that comes twice. */
export function lookAfterChild(draft: Draft, node: number): void {
  const { dueAt } = draft.node(node);
  if (dueAt === null || dueAt > draft.now) return;
  draft.edit(node, { dueAt: Math.ceil(draft.now) + LOOK_MS });
  draft.command({ type: "schedule", node, delayMs: LOOK_MS });
  if (isCalledOff(draft.plan, draft, node)) draft.command({ type: "cancelChild", node });
  else draft.command({ type: "openChild", node, isFirst: false });
}

export function waitsForChild({ status, waitingFor }: Pick<NodeState, "status" | "waitingFor">): boolean {
  return status === "waiting" && waitingFor === "child";
}

function runsChild(draft: Draft, index: number): boolean {
  const node = draft.planned(index);
  return node.kind === "action" && node.isChild && node.map === null;
}
