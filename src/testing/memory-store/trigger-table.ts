/** The triggers of the newest versions, read off the documents whenever somebody asks. */
import { boundTriggers } from "../../core/graph/bound-triggers.ts";
import type { BoundTrigger, TriggerPlace, TriggerQuery, TriggerStore } from "../../core/ports/triggers.ts";
import type { WorkflowTable } from "./workflow-table.ts";

export class TriggerTable implements TriggerStore {
  readonly #workflows: WorkflowTable;

  constructor(workflows: WorkflowTable) {
    this.#workflows = workflows;
  }

  async find({ type, workspace, name, after, limit }: TriggerQuery): Promise<readonly BoundTrigger[]> {
    return this.#workflows
      .newest()
      .filter(({ enabled }) => enabled)
      .flatMap(({ workspace: of, name: workflow, version, document }) =>
        boundTriggers(document).map((trigger) => ({ ...trigger, workspace: of, workflow, version })),
      )
      .filter(({ source }) => source.type === type)
      .filter((trigger) => workspace === undefined || trigger.workspace === workspace)
      .filter((trigger) => name === undefined || trigger.name === name)
      .filter((trigger) => after === undefined || compare(trigger, after) > 0)
      .sort(compare)
      .slice(0, limit)
      .map(({ workspace: of, workflow, version, node, source }) => ({
        workspace: of,
        workflow,
        version,
        node,
        source,
      }));
  }
}

function compare(a: TriggerPlace, b: TriggerPlace): number {
  const pairs = [
    [a.workspace, b.workspace],
    [a.workflow, b.workflow],
    [a.node, b.node],
  ] as const;
  for (const [one, other] of pairs) if (one !== other) return one < other ? -1 : 1;
  return 0;
}
