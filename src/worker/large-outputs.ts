/**
 * The large outputs of a run that this process holds. One that nothing reads any more is forgotten, so that what a run takes here is
 * what it still needs; where it is needed after all (a redrive, a compensation), it is read again.
 */
import type { CompiledTemplate } from "../core/expression/expression.ts";
import { isCompensation, type Plan, type PlanNode } from "../core/graph/plan.ts";
import { type RunState, TERMINAL } from "../core/run/state.ts";

/** Smaller ones are not worth the look. */
export const LARGE_BYTES: number = 64 * 1_024;

const READERS = new WeakMap<Plan, ReadonlyMap<string, readonly number[]>>();

export class LargeOutputs {
  readonly #ids = new Set<string>();

  add(id: string): void {
    this.#ids.add(id);
  }

  /** Those of which all readers have ended, each said once. */
  takeUnread(plan: Plan, { nodes }: Pick<RunState, "nodes">): readonly string[] {
    if (this.#ids.size === 0) return [];
    const readers = readersOf(plan);
    const unread = [...this.#ids].filter((id) =>
      (readers.get(id) ?? []).every((index) => TERMINAL.has(nodes[index]!.status)),
    );
    for (const id of unread) this.#ids.delete(id);
    return unread;
  }
}

/** Which nodes read the output of which, by id. Compensations are left out: most runs never come to them. */
function readersOf(plan: Plan): ReadonlyMap<string, readonly number[]> {
  const known = READERS.get(plan);
  if (known) return known;
  const readers = new Map<string, number[]>();
  for (const node of plan.nodes) {
    for (const { node: id } of templatesOf(node).flatMap(({ references }) => references)) {
      if (id === undefined) continue;
      const of = readers.get(id);
      if (of) of.push(node.index);
      else readers.set(id, [node.index]);
    }
  }
  READERS.set(plan, readers);
  return readers;
}

function templatesOf(node: PlanNode): readonly Pick<CompiledTemplate, "references">[] {
  if (node.kind === "output") return [node.template];
  if (node.kind !== "action" || isCompensation(node)) return [];
  return [node.input, ...(node.map?.list ? [node.map.list] : []), ...(node.key ? [node.key] : [])];
}
