/** What can be wrong with the graph itself, whatever its nodes do: edges, outcomes, triggers, cycles, reach. */
import type { EdgeDocument, NodeDocument, WaitDocument, WorkflowDocument } from "../definition/document.ts";
import { findCycles, type Cycle } from "./cycles.ts";
import type { Graph, GraphEdge } from "./graph.ts";
import { makeIssue, type Issue } from "./issues.ts";
import { topologicalOrder, type Order } from "./order.ts";
import { hasTimeout, outcomesOf } from "./outcomes.ts";
import { reachableFrom } from "./reach.ts";
import { Suggestions } from "./suggestion.ts";

/** A ring of thousands of nodes is named by its beginning; `cycle` has every node. */
const MAX_SHOWN = 12;

export interface StructureInput {
  readonly document: WorkflowDocument;
  readonly graph: Graph;
  readonly order: Order;
  readonly suggestions: Suggestions;
}

/** Every problem of the graph. `document` is normalised, `graph` was built from it. */
export function structuralIssues(input: StructureInput): Issue[] {
  const issues: Issue[] = [];
  edgeIssues(input, issues);
  conditionIssues(input, issues);
  for (const cycle of findCycles(input.graph, input.order)) issues.push(cycleIssue(input.graph, cycle));
  reachIssues(input, issues);
  return issues;
}

/** The same for a document that stands alone. */
export function structureOf(document: WorkflowDocument, graph: Graph): StructureInput {
  return { document, graph, order: topologicalOrder(graph), suggestions: new Suggestions() };
}

function edgeIssues(input: StructureInput, issues: Issue[]): void {
  const { nodes, edges } = input.document;
  const seen = new Map<string, number>();
  for (let position = 0; position < edges.length; position++) {
    const edge = edges[position] as EdgeDocument;
    const known = endIssues(input, position, issues);
    const key = `${edge.from}\n${edge.to}\n${edge.on ?? ""}`;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, position);
    else issues.push(duplicateIssue(edge, position, first));
    if (!known) continue;
    if (edge.from === edge.to) issues.push(selfIssue(edge, position));
    if ((nodes[edge.to] as NodeDocument).kind === "trigger") issues.push(intoTriggerIssue(edge, position));
    if (edge.on !== undefined) outcomeIssues(input, position, issues);
  }
}

/** Whether both ends exist. */
function endIssues(
  { document, graph, suggestions }: StructureInput,
  position: number,
  issues: Issue[],
): boolean {
  const edge = document.edges[position] as EdgeDocument;
  let known = true;
  for (const end of ["from", "to"] as const) {
    const id = edge[end];
    if (graph.indexOf.has(id)) continue;
    known = false;
    issues.push(
      makeIssue("node_unknown", ["edges", position, end], {
        message: `There is no node "${id}".`,
        next: `Name a node of this workflow, or remove the edge.${suggestions.for(id, graph.ids)}`,
      }),
    );
  }
  return known;
}

function duplicateIssue(edge: EdgeDocument, position: number, first: number): Issue {
  return makeIssue("edge_duplicate", ["edges", position], {
    message: `The edge ${textOf(edge)} is there already, at position ${first}.`,
    next: "Remove one of the two.",
  });
}

function selfIssue(edge: EdgeDocument, position: number): Issue {
  return makeIssue("edge_self", ["edges", position], {
    message: `The node "${edge.from}" leads to itself.`,
    next: "Remove the edge. To repeat a step, use its retry policy, or run another workflow from it.",
  });
}

function intoTriggerIssue(edge: EdgeDocument, position: number): Issue {
  return makeIssue("edge_into_trigger", ["edges", position, "to"], {
    message: `"${edge.to}" is a trigger, and a run begins there.`,
    next: "Lead the edge to the node behind the trigger, or remove it.",
  });
}

function outcomeIssues({ document, suggestions }: StructureInput, position: number, issues: Issue[]): void {
  const edge = document.edges[position] as EdgeDocument;
  const on = edge.on as string;
  const node = document.nodes[edge.from] as NodeDocument;
  const outcomes = outcomesOf(node);
  if (!outcomes.includes(on)) {
    issues.push(
      makeIssue("outcome_unknown", ["edges", position, "on"], {
        message: `"${edge.from}" is of kind ${node.kind} and has no outcome "${on}".`,
        next: `Use one of ${outcomes.join(", ")}.${suggestions.for(on, outcomes)}`,
      }),
    );
  } else if (node.kind === "wait" && on === "timeout" && !hasTimeout(node as WaitDocument)) {
    issues.push(
      makeIssue("edge_never_taken", ["edges", position, "on"], {
        message: `"${edge.from}" has no timeout, so this edge is never taken.`,
        next: "Give the wait a `timeout`, or remove the edge.",
      }),
    );
  }
}

function conditionIssues({ document, graph }: StructureInput, issues: Issue[]): void {
  for (let index = 0; index < graph.ids.length; index++) {
    const id = graph.ids[index] as string;
    const node = document.nodes[id] as NodeDocument;
    if (node.kind !== "condition") continue;
    const outcomes = new Set<string>();
    node.cases.forEach(({ outcome }, position) => {
      const path = ["nodes", id, "cases", position, "outcome"];
      if (outcome === "else" || outcome === "error" || outcome === "timeout") {
        issues.push(
          makeIssue("outcome_reserved", path, {
            message: `"${outcome}" has a meaning of its own and cannot name a case.`,
            next: "Give the case another name.",
          }),
        );
      } else if (outcomes.has(outcome)) {
        issues.push(
          makeIssue("outcome_duplicate", path, {
            message: `The condition has the outcome "${outcome}" twice, and only one of its cases could be told apart by an edge.`,
            next: "Rename one of them, or join the two cases with ||.",
          }),
        );
      }
      outcomes.add(outcome);
    });
    if (!(graph.outbound[index] as readonly GraphEdge[]).some(({ on }) => on === "else" || on === null)) {
      issues.push(
        makeIssue("condition_without_else", ["nodes", id], {
          message: "Where no case is true, everything behind this condition is skipped and the run succeeds.",
          next: 'Add an edge with `on: "else"`, if that is not what you want.',
        }),
      );
    }
  }
}

function cycleIssue(graph: Graph, cycle: Cycle): Issue {
  const ids = cycle.map((edge) => graph.ids[edge.from] as string);
  const shown =
    ids.length > MAX_SHOWN ? [...ids.slice(0, MAX_SHOWN), `(${ids.length - MAX_SHOWN} more)`] : ids;
  const last = cycle.at(-1) as GraphEdge;
  return makeIssue("cycle", ["edges", last.position], {
    message: `The nodes lead in a circle: ${[...shown, ids[0]].join(" -> ")}.`,
    next: "Remove one edge of the circle. To repeat steps, run another workflow as a child.",
    cycle: ids,
  });
}

function reachIssues({ document, graph }: StructureInput, issues: Issue[]): void {
  const triggers: number[] = [];
  graph.ids.forEach((id, index) => {
    if ((document.nodes[id] as NodeDocument).kind === "trigger") triggers.push(index);
  });
  if (triggers.length === 0) {
    issues.push(
      makeIssue("trigger_missing", ["nodes"], {
        message: "No node is a trigger, so no run could ever begin.",
        next: 'Add a node `{ "kind": "trigger" }` and an edge from it to the first step.',
      }),
    );
    return;
  }
  const reached = reachableFrom(graph, triggers);
  graph.ids.forEach((id, index) => {
    if (reached[index]) return;
    issues.push(
      makeIssue("node_unreachable", ["nodes", id], {
        message: `No trigger leads to "${id}", so it would never run.`,
        next: "Add an edge that leads to it, or remove the node.",
      }),
    );
  });
}

function textOf(edge: EdgeDocument): string {
  return edge.on === undefined ? `${edge.from} -> ${edge.to}` : `${edge.from} -> ${edge.to} on "${edge.on}"`;
}
