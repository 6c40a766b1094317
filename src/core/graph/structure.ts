/** What can be wrong with the graph itself, whatever its nodes do: edges, outcomes, triggers, cycles, reach. */
import type { ConditionDocument, EdgeDocument, NodeDocument } from "../definition/document.ts";
import { findCycles, type Cycle } from "./cycles.ts";
import type { GraphEdge } from "./graph.ts";
import { makeIssue, type Issue, type IssuePath } from "./issues.ts";
import { hasTimeout, outcomesOf } from "./outcomes.ts";
import { reachableFrom } from "./reach.ts";
import { repeatedEdges } from "./repeats.ts";
import type { Subject } from "./subject.ts";

/** A ring of thousands of nodes is named by its beginning; `cycle` has every node. */
const MAX_SHOWN = 12;

/** Names that mean something to every edge without `on`. */
const RESERVED_OUTCOMES: ReadonlySet<string> = new Set(["else", "error", "timeout"]);

/** Every problem of the graph. */
export function structuralIssues(subject: Subject): Issue[] {
  const issues: Issue[] = [];
  edgeIssues(subject, issues);
  conditionIssues(subject, issues);
  for (const cycle of findCycles(subject.graph, subject.order)) issues.push(cycleIssue(subject, cycle));
  if (subject.complete) reachIssues(subject, issues);
  return issues;
}

interface WrittenEdge {
  readonly edge: EdgeDocument;
  readonly path: IssuePath;
}

function edgeIssues(subject: Subject, issues: Issue[]): void {
  const { nodes, edges } = subject.document;
  const repeats = repeatedEdges(subject.graph, edges);
  edges.forEach((edge, position) => {
    const path = subject.pathOfEdge(position);
    if (path === null) return;
    const written: WrittenEdge = { edge, path };
    const ends = endIssues(subject, written);
    issues.push(...ends);
    const first = repeats.get(position);
    if (first !== undefined) {
      issues.push(duplicateIssue(written, subject.pathOfEdge(first) as IssuePath));
    }
    if (ends.length > 0) return;
    if (edge.from === edge.to) issues.push(selfIssue(written));
    if ((nodes[edge.to] as NodeDocument).kind === "trigger") issues.push(intoTriggerIssue(written));
    if (edge.on !== undefined) issues.push(...outcomeIssues(subject, written, edge.on));
  });
}

const ENDS = ["from", "to"] as const;
const NONE: readonly Issue[] = [];

function endIssues({ graph, suggestions }: Subject, { edge, path }: WrittenEdge): readonly Issue[] {
  if (graph.indexOf.has(edge.from) && graph.indexOf.has(edge.to)) return NONE;
  return ENDS.filter((end) => !graph.indexOf.has(edge[end])).map((end) =>
    makeIssue("node_unknown", [...path, end], {
      message: `There is no node ${shown(edge[end])}.`,
      next: `Name a node of this workflow, or remove the edge.${suggestions.for(edge[end], graph.ids)}`,
    }),
  );
}

function duplicateIssue({ edge, path }: WrittenEdge, first: IssuePath): Issue {
  const on = edge.on === undefined ? "" : ` on ${shown(edge.on)}`;
  return makeIssue("edge_duplicate", path, {
    message: `The edge from ${shown(edge.from)} to ${shown(edge.to)}${on} is there already, as edge ${first.at(-1)}.`,
    next: "Remove one of the two.",
  });
}

function selfIssue({ edge, path }: WrittenEdge): Issue {
  return makeIssue("edge_self", path, {
    message: `The node "${edge.from}" leads to itself.`,
    next: "Remove the edge. To repeat a step, use its retry policy, or run another workflow from it.",
  });
}

function intoTriggerIssue({ edge, path }: WrittenEdge): Issue {
  return makeIssue("edge_into_trigger", [...path, "to"], {
    message: `"${edge.to}" is a trigger, and a run begins there.`,
    next: "Lead the edge to the node behind the trigger, or remove it.",
  });
}

function outcomeIssues(
  { document, damaged, suggestions }: Subject,
  { edge, path }: WrittenEdge,
  on: string,
): readonly Issue[] {
  if (damaged.has(edge.from)) return NONE;
  const node = document.nodes[edge.from] as NodeDocument;
  const outcomes = outcomesOf(node);
  if (!outcomes.includes(on)) {
    return [
      makeIssue("outcome_unknown", [...path, "on"], {
        message: `"${edge.from}" is of kind ${node.kind} and has no outcome "${on}".`,
        next: `Use one of ${outcomes.join(", ")}.${suggestions.for(on, outcomes)}`,
      }),
    ];
  }
  if (node.kind !== "wait" || on !== "timeout" || hasTimeout(node)) return NONE;
  return [
    makeIssue("edge_never_taken", [...path, "on"], {
      message: `"${edge.from}" has no timeout, so this edge is never taken.`,
      next: "Give the wait a `timeout`, or remove the edge.",
    }),
  ];
}

function conditionIssues({ document, graph, damaged }: Subject, issues: Issue[]): void {
  graph.ids.forEach((id, index) => {
    const node = document.nodes[id] as NodeDocument;
    if (node.kind !== "condition" || damaged.has(id)) return;
    issues.push(...caseIssues(id, node));
    // An edge without `on` is taken for `else` too.
    const handled = (graph.outbound[index] as readonly GraphEdge[]).some(
      ({ on }) => on === "else" || on === null,
    );
    if (handled) return;
    issues.push(
      makeIssue("condition_without_else", ["nodes", id], {
        message: `Where no case of "${id}" is true, everything behind it is skipped in silence.`,
        next: 'Add an edge with `on: "else"`, unless that is what you want.',
      }),
    );
  });
}

function caseIssues(id: string, node: ConditionDocument): Issue[] {
  const issues: Issue[] = [];
  const outcomes = new Set<string>();
  node.cases.forEach(({ outcome }, position) => {
    const path = ["nodes", id, "cases", position, "outcome"];
    if (RESERVED_OUTCOMES.has(outcome)) {
      issues.push(
        makeIssue("outcome_reserved", path, {
          message: `"${outcome}" has a meaning of its own and cannot name a case.`,
          next: "Give the case another name.",
        }),
      );
    } else if (outcomes.has(outcome)) {
      issues.push(
        makeIssue("outcome_duplicate", path, {
          message: `Another case of "${id}" has the outcome "${outcome}" already, and edges cannot tell the two apart.`,
          next: "Rename one of them, or make one case of both with ||.",
        }),
      );
    }
    outcomes.add(outcome);
  });
  return issues;
}

function cycleIssue({ graph, pathOfEdge }: Subject, cycle: Cycle): Issue {
  const ids = cycle.map((edge) => graph.ids[edge.from] as string);
  const more = ids.length - MAX_SHOWN;
  const names = more > 0 ? [...ids.slice(0, MAX_SHOWN), `(${more} more)`] : ids;
  const last = cycle.at(-1) as GraphEdge;
  return makeIssue("cycle", pathOfEdge(last.position) as IssuePath, {
    message: `The nodes lead in a circle: ${[...names, ids[0]].join(" -> ")}.`,
    next: "Remove one edge of the circle. To repeat steps, run another workflow as a child.",
    cycle: ids,
  });
}

function reachIssues({ document, graph, triggerAdded }: Subject, issues: Issue[]): void {
  const triggers: number[] = [];
  graph.ids.forEach((id, index) => {
    if ((document.nodes[id] as NodeDocument).kind === "trigger") triggers.push(index);
  });
  if (triggerAdded) {
    // The trigger leads to every node without inbound edges. What it does not reach is on or behind a cycle, which is said,
    // or behind an edge from itself or from nowhere, which is said too, and without which it could be reached.
    const leadsNowhere = triggers.every((trigger) => graph.outbound[trigger]?.length === 0);
    if (leadsNowhere && graph.edges.length === document.edges.length) issues.push(noTriggerIssue());
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

function noTriggerIssue(): Issue {
  return makeIssue("trigger_missing", ["nodes"], {
    message: "There is no trigger, and no node without inbound edges that a run could begin with.",
    next: 'Add a node `{ "kind": "trigger" }` and an edge from it to the first step.',
  });
}

/** Ids of unknown nodes can be any text. */
function shown(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name);
}
