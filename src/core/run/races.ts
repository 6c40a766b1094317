/**
 * Races: `first` joins that call off what leads only to them (`cancelOthers`).
 *
 * What does not run is cancelled when the join starts, and its edges die. A running action is told to stop, and what it answers
 * counts as after a cancel of the run: a success is recorded, an unknown outcome that its effect class does not allow to try
 * again is a dead letter, and after every other failure the node is cancelled, without another attempt. Dead letters stay.
 */
import { isCompensation, type Plan } from "../graph/plan.ts";
import type { RunState } from "./state.ts";

/** Nobody wants the node any more: the run was cancelled, or a join that it leads to has started without it. */
export function isCalledOff(
  plan: Plan,
  { cancelled, nodes }: Pick<RunState, "cancelled" | "nodes">,
  index: number,
): boolean {
  if (isCompensation(plan.nodes[index]!)) return false;
  if (cancelled) return true;
  let join = plan.nodes[index]!.race;
  while (join !== null && nodes[join]!.taken === 0) join = plan.nodes[join]!.race;
  return join !== null;
}

/** The join calls the node off. */
export function leadsOnlyTo({ nodes }: Plan, index: number, join: number): boolean {
  let race = nodes[index]!.race;
  while (race !== null && race < join) race = nodes[race]!.race;
  return race === join;
}
