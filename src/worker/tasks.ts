/** The tasks that a durable turn hands over. */
import type { PlanNode } from "../core/graph/plan.ts";
import type { Task } from "../core/ports/scheduler.ts";
import type { Advance } from "../core/run/advance.ts";
import type { ActiveRun } from "./active-run.ts";
import type { Turn } from "./turn.ts";
import { NO_ITEM } from "./turn-result.ts";

export interface SharedTasks {
  /** This worker could run them, if it had room. */
  readonly own: readonly Task[];
  readonly others: readonly Task[];
}

interface Handing {
  readonly dispatchedAt: number;
  readonly isOwn: (node: PlanNode) => boolean;
}

// oxlint-disable-next-line max-params -- what was decided, and how to hand it over
export function tasksOf(
  run: ActiveRun,
  turn: Turn,
  advance: Advance,
  { dispatchedAt, isOwn }: Handing,
): SharedTasks {
  const { workspace, workflow, version } = run.identity!;
  const own: Task[] = [];
  const others: Task[] = [];
  for (const index of turn.enqueued) {
    const node = run.plan!.nodes[index]!;
    const { fence, dispatches } = advance.state.nodes[index]!;
    const lane = node.kind === "action" ? node.lane : "default";
    (isOwn(node) ? own : others).push({
      runId: run.id,
      node: node.id,
      item: NO_ITEM,
      fence,
      dispatches,
      lane,
      workspace,
      workflow,
      version,
      dispatchedAt,
    });
  }
  return { own, others };
}
