/** What is known of the nodes of a workflow over its runs of the last day. */
import { useMemo } from "preact/hooks";
import { part } from "../api.ts";
import { count, duration, percent } from "../format.ts";
import type { NodeFacts } from "../graph/graph.tsx";
import { useLive } from "../live.ts";
import { useMay } from "../session.ts";
import type { WorkflowStats } from "../stats.ts";

const EVERY_MS = 10_000;

export function useWorkflowStats(workflow: string): WorkflowStats | undefined {
  const may = useMay("workflows.stats");
  return useLive<WorkflowStats>(may ? `/workflows/${part(workflow)}/stats` : null, EVERY_MS).data;
}

export function useNodeFacts(data: WorkflowStats | undefined): ReadonlyMap<string, NodeFacts> {
  return useMemo(
    () =>
      new Map(
        data?.nodes.map((node): [string, NodeFacts] => [
          node.node,
          {
            note: [
              node.duration.meanMs === null ? "" : duration(node.duration.meanMs),
              node.failureRate ? `${percent(node.failureRate)} failed` : `${count(node.count)} ok`,
            ]
              .filter(Boolean)
              .join(", "),
            ...(node.failureRate ? { tone: "bad" } : {}),
          },
        ]),
      ),
    [data],
  );
}
