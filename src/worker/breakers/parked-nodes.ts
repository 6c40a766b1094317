/** The node runs that a durable turn has parked. */
import type { BreakerKey } from "../../core/breaker/key.ts";
import type { Plan } from "../../core/graph/plan.ts";
import type { ParkedNode } from "../../core/ports/breakers.ts";
import type { Advance } from "../../core/run/advance.ts";

export interface ParkedRun {
  readonly id: string;
  readonly plan: Plan | null;
}

export interface ParkedInTurn {
  readonly parked: readonly { readonly node: number; readonly by: BreakerKey }[];
}

export function parkedNodes(
  run: ParkedRun,
  turn: ParkedInTurn,
  { state }: Pick<Advance, "state">,
): readonly (ParkedNode & { readonly by: BreakerKey })[] {
  return turn.parked.flatMap(({ node: index, by }) => {
    const node = run.plan!.nodes[index]!;
    const { fence, status } = state.nodes[index]!;
    if (node.kind !== "action" || status !== "ready") return [];
    return [{ runId: run.id, node: node.id, fence, lane: node.lane, action: node.action, by }];
  });
}
