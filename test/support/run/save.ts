/** What the store keeps of a run, by the rule that the shell follows: no rows for triggers that fired at once, none for `$output` before it failed but while the run has a deadline. */
import type { Plan } from "../../../src/core/graph/plan.ts";
import type { StoredNode, StoredState } from "../../../src/core/run/restore.ts";
import type { RunState } from "../../../src/core/run/state.ts";

export function saveRun(plan: Plan, state: RunState): StoredState {
  const { status, paused, cancelled, compensate, trigger, values, kept, nodes } = state;
  return { status, paused, cancelled, compensate, trigger, values, kept, nodes: rowsOf(plan, nodes) };
}

export function rowsOf(
  plan: Plan,
  nodes: RunState["nodes"],
  since?: RunState["nodes"],
): readonly StoredNode[] {
  return plan.nodes.flatMap(({ id, index, kind }) => {
    const { open: _open, taken: _taken, ...row } = nodes[index]!;
    // Only a trigger that was put off can be waiting or cancelled; its row stays when it fires, and says no more than none.
    const wasPutOff = [row.status, since?.[index]?.status].some(
      (one) => one === "waiting" || one === "cancelled",
    );
    if (kind === "trigger" && !wasPutOff) return [];
    const isBounded = [row, since?.[index]].some((one) => typeof one?.deadlineAt === "number");
    if (kind === "output" && row.fence === 0 && !isBounded) return [];
    if (kind !== "output" && row.status === "pending" && row.fence === 0) return [];
    return since?.[index] === nodes[index] ? [] : [{ node: id, item: -1, ...row }];
  });
}
