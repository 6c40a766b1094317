/** What the engine does to child runs for the nodes that wait for them. */
import type { Workflow } from "../core/definition/workflow.ts";
import type { MessageBody } from "../core/ports/message.ts";
import type { Store } from "../core/ports/store.ts";
import type { ChildRuns } from "../worker/child-opener.ts";
import type { RunTable } from "../worker/run-table.ts";
import type { DeadLettersApi } from "./dead-letters.ts";
import type { RunsApi } from "./runs.ts";

export interface ChildRunsParts {
  readonly store: Store;
  readonly table: () => RunTable;
  readonly runs: () => RunsApi;
  readonly deadLetters: () => DeadLettersApi;
}

/** The parts are made after the worker that calls these. */
export function childRuns({ store, table, runs, deadLetters }: ChildRunsParts): ChildRuns {
  return {
    start: (child) => runs().startChild(child),
    redrive: async ({ runId, workspace }) => (await deadLetters().redriveBelow({ runId, workspace })).done,
    cancel: async (targets, compensate) => {
      const body: MessageBody = compensate ? { kind: "cancel", compensate } : { kind: "cancel" };
      // A run that is asked to undo what it did after it was asked to stop does that, too.
      const id = compensate ? "cancel/parent/compensate" : "cancel/parent";
      const results = await store.append(targets.map((target) => ({ ...target, id, body })));
      return targets.map(({ runId }, index) => {
        const result = results[index];
        if (result === "stored") void table().submit(runId, { type: "look" });
        return result === "unknown_run" ? "unknown" : result === "finished_run" ? "finished" : "told";
      });
    },
  };
}

/** And the workflows that these run as children, each once. */
export function withChildren(workflows: readonly Workflow[]): readonly Workflow[] {
  const all = new Set(workflows);
  for (const workflow of all) for (const child of workflow.children) all.add(child);
  return [...all];
}
