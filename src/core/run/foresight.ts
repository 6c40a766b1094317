/** What of a plan is settled by what has ended, before anything else is done: which nodes will be skipped, and which may begin. */
import { isCompensation, type Plan, type PlanNode } from "../graph/plan.ts";
import { isSettled, isTaken, joinStarts } from "./edges.ts";
import type { NodeState } from "./state.ts";

/** How the node has ended, or will without being run. */
export interface Ending {
  readonly outcome: string | null;
}

/** By the index of the node; `null`: it has not ended, and nothing says how it will. What was skipped is decided anew. */
export type Foreseen = readonly (Ending | null)[];

export function foresee(plan: Plan, nodes: readonly NodeState[]): Foreseen {
  const endings: (Ending | null)[] = [];
  for (const node of plan.nodes) endings.push(endingOf(node, nodes[node.index]!, endings));
  return endings;
}

function endingOf(node: PlanNode, state: NodeState, before: Foreseen): Ending | null {
  const isOpen = state.status === "pending" || state.status === "skipped";
  if (!isOpen || node.kind === "trigger") return isSettled(state) ? { outcome: state.outcome } : null;
  if (isCompensation(node)) return { outcome: null };
  if (node.kind === "output") return null;
  const { open, taken } = inboundOf(node, before);
  const isSkipped = open === 0 && !joinStarts(node, taken);
  return isSkipped ? { outcome: null } : null;
}

/** The node may begin. */
export function begins(node: PlanNode, foreseen: Foreseen): boolean {
  if (node.kind === "output") return foreseen.slice(0, node.index).every((ending) => ending !== null);
  const { open, taken } = inboundOf(node, foreseen);
  return node.join === "first" ? taken > 0 : open === 0 && joinStarts(node, taken);
}

function inboundOf({ inbound }: PlanNode, foreseen: Foreseen): { open: number; taken: number } {
  let open = 0;
  let taken = 0;
  for (const edge of inbound) {
    const ending = foreseen[edge.from]!;
    if (!ending) open++;
    else if (isTaken(edge, ending.outcome)) taken++;
  }
  return { open, taken };
}
