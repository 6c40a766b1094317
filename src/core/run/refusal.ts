/** What people may do with a node that failed. */
import { isCompensation, type Plan } from "../graph/plan.ts";
import { isExpired } from "./expiry.ts";
import type { RunState } from "./state.ts";

export interface Operation {
  /** Index of the node in the plan. */
  readonly node: number;
  readonly action: "redrive" | "complete" | "discard";
}

/**
 * `not_a_dead_letter`: the node did not fail, its failure was handled, or somebody has resolved it. `run_compensating`: the dead
 * letter was closed because the run is undone. `run_cancelled`: nothing of the run is run again, and where its deadline has passed
 * it has no output.
 */
export type Refusal = "not_a_dead_letter" | "run_cancelled" | "run_compensating";

/** Why the operation does nothing; `null`: it is possible. A compensation that gave up may be redriven, completed and discarded. */
export function refusalOf(
  plan: Plan,
  { nodes, cancelled }: Pick<RunState, "nodes" | "cancelled">,
  { node, action }: Operation,
): Refusal | null {
  const failure = nodes[node]?.failure;
  if (failure === "compensated") return "run_compensating";
  if (failure !== "open") return "not_a_dead_letter";
  if (action === "complete" && isExpired(nodes[node]!)) return "run_cancelled";
  return action === "redrive" && cancelled && !isCompensation(plan.nodes[node]!) ? "run_cancelled" : null;
}
