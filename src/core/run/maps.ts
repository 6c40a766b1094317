/**
 * Maps: an action that runs once per item of a list.
 *
 * Its node is claimed like any other, by a worker that makes the list; then it is `running` without a worker, under a new fence, and
 * `waitingFor` its map. Items end without an event. When the last one has, or none may begin any more, one message says how it went.
 * A map of which items are dead letters has failed until the last of them is resolved; each one that is resolved takes the map up again.
 *
 * A map whose deadline passes is overdue: no item begins any more, and what is left of it is not run. It fails once nothing of it
 * runs, and goes on from there, with all its time, when the node or one of its items is redriven.
 */
import { deadlineOf } from "./bounds.ts";
import type { Draft } from "./draft.ts";
import type { Event } from "./event.ts";
import { isCalledOff } from "./races.ts";
import { cancelNode, failDecided, parkItems, succeed, tooLate } from "./settle.ts";
import type { NodeState } from "./state.ts";

/** The outcome of a map whose deadline has passed, until it ends. */
const OVERDUE = "deadline";

export function mapStarted(draft: Draft, { node, fence }: Event<"mapStarted">): void {
  const { status, fence: present, waitingFor } = draft.node(node);
  if (status !== "running" || present !== fence || waitingFor !== null || !isMap(draft, node)) return;
  waitForItems(draft, node);
}

/** Its deadline has passed. */
export function mapTimedOut(draft: Draft, node: number): void {
  waitForItems(draft, node);
  draft.edit(node, { outcome: OVERDUE, deadlineAt: null });
}

export function mapEnded(draft: Draft, event: Event<"mapEnded">): void {
  const { node, open, failed, unfinished, output, error } = event;
  const state = draft.node(node);
  if (!isMapped(state) || state.fence !== event.fence) return;
  if (open > 0) {
    parkItems(draft, node, error);
    return draft.edit(node, { outcome: state.outcome });
  }
  const hasFailed = failed > 0 && !collects(draft, node);
  if (unfinished > 0 && isOverdue(state) && !isCalledOff(draft.plan, draft, node))
    return tooLate(draft, node, null);
  if (unfinished > 0 || (hasFailed && isCalledOff(draft.plan, draft, node))) return cancelNode(draft, node);
  if (hasFailed) return failDecided(draft, node, error);
  succeed(draft, node, "success");
  draft.setOutput(node, output);
}

/** A dead letter of an item is resolved: the map goes on, or is looked at again. */
export function itemResolved(
  draft: Draft,
  { type, node }: Event<"redriven" | "completed" | "discarded">,
): void {
  const state = draft.node(node);
  if (!isMapped(state) && state.failure !== "items") return;
  if (type === "redriven" && isCalledOff(draft.plan, draft, node)) return;
  draft.setError(node, null);
  waitForItems(draft, node);
  if (type === "redriven") draft.edit(node, { deadlineAt: state.deadlineAt ?? deadlineOf(draft, node) });
  else draft.edit(node, { outcome: state.outcome });
}

/** What was held back during a pause may begin. */
export function resumeMaps(draft: Draft): void {
  for (const [node, state] of draft.nodes.entries())
    if (isMapped(state)) draft.command({ type: "openMap", node });
}

/** The map's deadline has passed, as far as the run knows. */
export function isOverdue({ outcome }: Pick<NodeState, "outcome">): boolean {
  return outcome === OVERDUE;
}

/** The node waits for its items. */
export function isMapped({ status, waitingFor }: Pick<NodeState, "status" | "waitingFor">): boolean {
  return status === "running" && waitingFor === "map";
}

/** Under a new fence: what was said of the map before is too late. */
function waitForItems(draft: Draft, node: number): void {
  const { fence } = draft.node(node);
  const held = { waitingFor: "map", outcome: null, failure: null, worker: null } as const;
  draft.edit(node, { ...held, status: "running", fence: fence + 1 });
  draft.command({ type: "openMap", node });
}

function isMap(draft: Draft, index: number): boolean {
  const node = draft.planned(index);
  return node.kind === "action" && node.map !== null;
}

function collects(draft: Draft, index: number): boolean {
  const node = draft.planned(index);
  return node.kind === "action" && node.map?.collect === true;
}
