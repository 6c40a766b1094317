import type { Plan } from "../core/graph/plan.ts";
import type { NewRun } from "../core/ports/commit.ts";
import type { RunEvent } from "../core/run/event.ts";

/** What else a new run's first commit is about. */
export interface FirstCommit {
  /** Nothing starts before this time. None: at once. */
  readonly at?: number | undefined;
  /** From its start on. None: the workflow's. */
  readonly deadlineMs?: number | undefined;
  /** It begins when it is let in at its gate. */
  readonly waitsForRoom?: boolean;
  /** What happens in it. */
  readonly replay?: readonly RunEvent[];
}

/** The event that begins a run. */
export function startedEvent(
  plan: Plan,
  start: NewRun,
  { at, deadlineMs, waitsForRoom }: FirstCommit,
): RunEvent {
  return {
    type: "started",
    trigger: plan.indexOf.get(start.trigger) ?? 0,
    ...(at === undefined ? {} : { at }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(waitsForRoom === undefined ? {} : { waitsForRoom }),
  };
}
