/** What a node's end means for the edges that leave it. */
import type { PlanEdge, PlanNode } from "../graph/plan.ts";
import { isUnresolved, type NodeState, TERMINAL } from "./state.ts";

/** The node's outgoing edges are settled. A dead letter is terminal, but holds its edges open until it is resolved. */
export function isSettled(node: NodeState): boolean {
  return TERMINAL.has(node.status) && !isUnresolved(node);
}

/** Whether an edge is taken by the outcome with which its node ended; `null`: skipped, cancelled, or given up. */
export function isTaken(edge: PlanEdge, outcome: string | null): boolean {
  if (outcome === null) return false;
  return edge.on === null ? outcome !== "error" && outcome !== "timeout" : edge.on === outcome;
}

/** An edge to the pending node was settled: is it decided now whether the node starts? A `first` join is decided once. */
export function isDecided(node: PlanNode, state: NodeState, taken: boolean): boolean {
  if (node.join !== "first") return state.open === 0;
  return taken ? state.taken === 1 : state.open === 0 && state.taken === 0;
}

/** It is decided whether the node starts: does it, or is it skipped? */
export function joinStarts(node: PlanNode, taken: number): boolean {
  return node.join === "all" ? taken > 0 && taken === node.inbound.length : taken > 0;
}
