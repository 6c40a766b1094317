/**
 * How nodes start and end, and how that travels along the edges. Work waits in a list and never on the stack, so that a chain
 * of 10,000 conditions is decided like one.
 */
import type { PlanCondition, PlanWait } from "../graph/plan.ts";
import type { Json } from "../json.ts";
import { deadlineExceeded, deadlineOf, isLate, LOOK_MS } from "./bounds.ts";
import { decideCondition, dueOf } from "./decide.ts";
import type { Draft } from "./draft.ts";
import { isDecided, isTaken, joinStarts } from "./edges.ts";
import type { ErrorRecord } from "./event.ts";
import { isTimer, takeKept } from "./kept.ts";
import { leadsOnlyTo } from "./races.ts";
import { type NodeState, TERMINAL } from "./state.ts";

/** The fields of a node that is held by nothing and nobody any more. */
const REST = { waitingFor: null, dueAt: null, losses: 0 } as const;
const ENDED = { ...REST, deadlineAt: null, putOffMs: 0 } as const;

export function succeed(draft: Draft, index: number, outcome: string): void {
  draft.edit(index, { ...ENDED, status: "succeeded", outcome, failure: null });
  draft.ended.push(index);
}

export function cancelNode(draft: Draft, index: number): void {
  draft.edit(index, { ...ENDED, status: "cancelled", outcome: null, worker: null });
  draft.ended.push(index);
}

/** Nobody wants the node any more: it is cancelled, or told to stop where an action runs. */
export function stop(draft: Draft, index: number): void {
  const { status, waitingFor } = draft.node(index);
  if (status === "waiting" && waitingFor === "child") tellChild(draft, index);
  else if (status === "running" && draft.planned(index).kind === "action")
    draft.command({ type: "abort", node: index });
  else if (!TERMINAL.has(status)) cancelNode(draft, index);
}

/** The node ends when its child has; it is told again where that was lost. */
function tellChild(draft: Draft, index: number): void {
  draft.edit(index, { dueAt: Math.ceil(draft.now) + LOOK_MS });
  draft.command({ type: "schedule", node: index, delayMs: LOOK_MS });
  draft.command({ type: "cancelChild", node: index });
}

/** The node gave up: its error edge handles that, or else it becomes a dead letter, whose edges stay open. */
export function giveUp(draft: Draft, index: number, error: ErrorRecord): void {
  if (!draft.planned(index).hasErrorEdge) return park(draft, index, error);
  draft.edit(index, { ...ENDED, status: "failed", outcome: "error", failure: "handled" });
  draft.setError(index, error);
  draft.ended.push(index);
}

/** A dead letter, whatever edges the node has. */
export function park(draft: Draft, index: number, error: ErrorRecord): void {
  draft.edit(index, { ...ENDED, status: "failed", outcome: null, failure: "open" });
  draft.setError(index, error);
  draft.command({ type: "deadLetter", node: index, error });
}

/** Items of the map are dead letters, not the node itself. */
export function parkItems(draft: Draft, index: number, error: ErrorRecord): void {
  draft.edit(index, { ...ENDED, status: "failed", outcome: null, failure: "items" });
  draft.setError(index, error);
  draft.command({ type: "record", node: index, output: null, error });
}

/** The end of a node whose value the reducer decides. */
export function decided(draft: Draft, index: number, result: { outcome: string; output: Json }): void {
  succeed(draft, index, result.outcome);
  draft.setOutput(index, result.output);
  draft.command({ type: "record", node: index, output: result.output, error: null });
}

export function failDecided(draft: Draft, index: number, error: ErrorRecord): void {
  draft.command({ type: "record", node: index, output: null, error });
  giveUp(draft, index, error);
}

/** An action may start: it is offered, unless the run is paused, or gives up where it is too late. */
export function makeReady(draft: Draft, index: number, changes: Partial<NodeState>): void {
  draft.edit(index, { ...changes, status: "ready", waitingFor: null, dueAt: null, worker: null });
  if (draft.paused) return;
  if (isLate(draft, index)) return tooLate(draft, index, null);
  draft.command({ type: "dispatch", node: index });
}

/** The node's deadline ends it. */
export function tooLate(draft: Draft, index: number, last: ErrorRecord | null): void {
  failDecided(draft, index, deadlineExceeded(draft, index, last));
}

/** The node waits under a new fence; `delayMs` is `null` where only a message can wake it. */
export function enterWaiting(
  draft: Draft,
  index: number,
  wait: { reason: NonNullable<NodeState["waitingFor"]>; delayMs: number | null; attempt: number },
): void {
  const { reason, delayMs, attempt } = wait;
  const dueAt = delayMs === null ? null : Math.ceil(draft.now) + delayMs;
  const fence = draft.node(index).fence + 1;
  draft.edit(index, {
    ...REST,
    status: "waiting",
    waitingFor: reason,
    fence,
    attempt,
    dueAt,
    worker: null,
    dispatches: 0,
  });
  draft.command({ type: "schedule", node: index, delayMs });
}

/** The trigger waits until the run is admitted. Nothing was tried, so it keeps its fence. */
export function waitForRoom(draft: Draft, trigger: number): void {
  draft.edit(trigger, { status: "waiting", waitingFor: "concurrency", dueAt: null });
  draft.command({ type: "schedule", node: trigger, delayMs: null });
}

/** Starts a node whose inbound edges allow it, or starts it again. */
export function start(draft: Draft, index: number): void {
  const node = draft.planned(index);
  switch (node.kind) {
    case "action":
      return makeReady(draft, index, { deadlineAt: deadlineOf(draft, index) });
    case "condition":
      return decide(draft, node);
    case "wait":
      return enter(draft, node);
    default: // a trigger fires and the output is rendered, elsewhere
  }
}

/**
 * Settles the edges of everything that ended, and starts or skips what follows from it. Always the smallest index first, so
 * that all of it happens in the order of the plan, whatever way the graph is walked. What waits for its turn here lies behind
 * every join that began, so that none of them can have called it off. `undecided`: nodes, ascending, that may begin or are skipped
 * besides.
 */
export function settle(draft: Draft, undecided: number[] = []): void {
  if (draft.ended.length === 0 && undecided.length === 0) return;
  for (let next = 0; ; next++) {
    for (const index of draft.ended) settleEdges(draft, index, { undecided, next });
    draft.ended.length = 0;
    const index = undecided[next];
    if (index === undefined) return;
    begin(draft, index);
  }
}

function begin(draft: Draft, index: number): void {
  const node = draft.planned(index);
  if (!joinStarts(node, draft.node(index).taken)) return skip(draft, index);
  if (node.callsOff) callOff(draft, index);
  start(draft, index);
}

/** Puts the nodes that this decides into `undecided`, which is ascending from `next` on. */
function settleEdges(
  draft: Draft,
  ended: number,
  { undecided, next }: { undecided: number[]; next: number },
): void {
  const { outcome } = draft.node(ended);
  for (const edge of draft.planned(ended).outbound) {
    const taken = isTaken(edge, outcome);
    const state = draft.settleEdge(edge.to, taken);
    if (state.status !== "pending" || !isDecided(draft.planned(edge.to), state, taken)) continue;
    let at = undecided.length;
    while (at > next && undecided[at - 1]! > edge.to) at--;
    undecided.splice(at, 0, edge.to);
  }
}

function callOff(draft: Draft, join: number): void {
  for (let index = 0; index < join; index++) if (leadsOnlyTo(draft.plan, index, join)) stop(draft, index);
}

export function skip(draft: Draft, index: number): void {
  draft.edit(index, { status: "skipped" });
  draft.ended.push(index);
}

function decide(draft: Draft, node: PlanCondition): void {
  const { fence, attempt } = draft.node(node.index);
  draft.edit(node.index, { fence: fence + 1, attempt: attempt + 1 });
  const result = decideCondition(draft, node);
  if (result.ok) decided(draft, node.index, { outcome: result.value, output: { outcome: result.value } });
  else failDecided(draft, node.index, result.error);
}

function enter(draft: Draft, node: PlanWait): void {
  const { index } = node;
  const { fence, attempt } = draft.node(index);
  const due = dueOf(draft, node);
  if (!due.ok) {
    draft.edit(index, { fence: fence + 1, attempt: attempt + 1 });
    return failDecided(draft, index, due.error);
  }
  const message = draft.paused ? null : takeKept(draft, node);
  if (message) {
    draft.edit(index, { fence: fence + 1, attempt: attempt + 1 });
    return decided(draft, index, { outcome: "received", output: message.payload });
  }
  const reason = isTimer(node) ? "timer" : "message";
  enterWaiting(draft, index, { reason, delayMs: due.value, attempt: attempt + 1 });
}
