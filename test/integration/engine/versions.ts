/** Versions of one workflow, and those with which a run of the first one cannot go on. */
import type { WorkflowDocument } from "../../../src/index.ts";

export type Nodes = WorkflowDocument["nodes"];
type Edges = WorkflowDocument["edges"];

export const act = (name: string, input?: object): Nodes[string] => ({
  kind: "action",
  action: name,
  ...(input ? { input: input as never } : {}),
});
export const fetched: Nodes[string] = act("echo", { order: "{{ input.order }}" });
export const paid: Nodes[string] = act("pay", { order: "{{ nodes.fetch.output.order }}" });
export const line = (...ids: readonly string[]): Edges =>
  ids.slice(1).map((to, index) => ({ from: ids[index]!, to }));

/** fetch -> pay -> ship. */
export const first: Pick<WorkflowDocument, "nodes" | "edges"> = {
  nodes: { fetch: fetched, pay: paid, ship: act("echo", { of: "{{ nodes.pay.output }}" }) },
  edges: line("fetch", "pay", "ship"),
};

export const pays: Nodes[string] = act("pay2");
export const refusals: readonly (readonly [
  title: string,
  version: Pick<WorkflowDocument, "nodes" | "edges" | "input">,
  codes: readonly string[],
])[] = [
  [
    "where a node that has ended is gone",
    { nodes: { pay: pays }, edges: [] },
    ["edge_removed", "node_removed"],
  ],
  [
    "where a node that has ended has another action",
    { ...first, nodes: { ...first.nodes, fetch: act("pay2"), pay: pays } },
    ["node_changed"],
  ],
  [
    "where the dead letter is gone",
    { nodes: { fetch: fetched }, edges: [] },
    ["edge_removed", "node_removed"],
  ],
  [
    "where the dead letter is of another kind",
    {
      nodes: { fetch: fetched, pay: { kind: "wait", for: { duration: "1s" } } },
      edges: line("fetch", "pay"),
    },
    ["node_changed"],
  ],
  [
    "where an edge that was taken is gone",
    { nodes: { fetch: fetched, pay: pays, between: pays }, edges: line("fetch", "between", "pay") },
    ["edge_removed"],
  ],
  [
    "where something would have to run before",
    {
      nodes: { fetch: fetched, pay: pays, between: pays },
      edges: [...line("fetch", "between", "pay"), { from: "fetch", to: "pay" }],
    },
    ["order_changed"],
  ],
  [
    "where the run's input does not fit",
    {
      nodes: { ...first.nodes, pay: pays },
      edges: first.edges,
      input: { type: "object", properties: { order: { type: "string" } } },
    },
    ["input_invalid"],
  ],
];
