/** A run under another plan: its nodes by their names, its values with them. What it means is decided when it goes on. */
import { isCompensation, type Plan } from "../graph/plan.ts";
import type { Json } from "../json.ts";
import type { Draft } from "./draft.ts";
import { isSettled, isTaken } from "./edges.ts";
import { restoreRun, type StoredNode } from "./restore.ts";
import { settle } from "./settle.ts";
import type { NodeState, RunState } from "./state.ts";

/** The run as a run of the plan `to`. What `to` does not have is left out; what only `to` has is pending. */
export function moveRun(from: Plan, to: Plan, state: RunState): RunState {
  const { trigger, values } = state;
  const rename = (known: ReadonlyMap<number, Json>): ReadonlyMap<number, Json> =>
    new Map(
      [...known].flatMap(([index, value]) => {
        const moved = to.indexOf.get(from.nodes[index]!.id);
        return moved === undefined ? [] : [[moved, value] as const];
      }),
    );
  return restoreRun(to, {
    ...state,
    trigger: trigger === null ? null : (to.indexOf.get(from.nodes[trigger]!.id) ?? null),
    nodes: rowsOf(from, state),
    values: { ...values, outputs: rename(values.outputs), errors: rename(values.errors) },
  });
}

/** Triggers follow from the one that fired, and what has not begun from nothing. */
function rowsOf(from: Plan, { nodes }: RunState): readonly StoredNode[] {
  return from.nodes
    .filter(({ kind, index }) => kind !== "trigger" && !isUntouched(nodes[index]!))
    .map(({ id, index }) => ({ ...nodes[index]!, node: id }));
}

function isUntouched({ status, deadlineAt }: NodeState): boolean {
  return status === "pending" && deadlineAt === null;
}

/** Under a new plan: what was skipped is decided anew, and what may begin there does. */
export function beginAnew(draft: Draft): void {
  for (const { index, kind } of draft.plan.nodes)
    if (kind !== "trigger" && draft.node(index).status === "skipped")
      draft.edit(index, { status: "pending" });
  const undecided = draft.plan.nodes.flatMap((node) => {
    const { index, inbound, kind, join } = node;
    const settled = inbound.filter(({ from }) => isSettled(draft.node(from)));
    const taken = settled.filter((edge) => isTaken(edge, draft.node(edge.from).outcome)).length;
    const open = inbound.length - settled.length;
    draft.edit(index, { open, taken });
    if (draft.node(index).status !== "pending" || kind === "output" || isCompensation(node)) return [];
    return open === 0 || (join === "first" && taken > 0) ? [index] : [];
  });
  settle(draft, undecided);
}
