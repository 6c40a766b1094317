/**
 * Which outputs are certain to be there: `nodes.x.output` is null unless x succeeded, so a reader that can start without
 * that should be prepared for null. This decides only hints, so where it cannot know it takes the side of doubt.
 *
 * A node starts when every edge that leads to it is settled, so all its ancestors have come to an end before. An ancestor x
 * has then succeeded for certain
 * - if x cannot end otherwise and let the run go on, and whoever started before the reader also led to x (`leads`), or
 * - if every way into the reader leads through the success of x (`through`).
 * A `first` join lets its branches run on, so where one lies between x and the reader only the second holds; and what such a join
 * may call off can always end otherwise.
 * A dead letter that somebody discards makes any output null; that is a decision of a person and no hint can help.
 */
import type { NodeDocument, WorkflowDocument } from "../definition/document.ts";
import { answer, type BitRows, type Query } from "./bit-rows.ts";
import type { Graph, GraphEdge } from "./graph.ts";
import type { Order } from "./order.ts";
import { isTaken, outcomesThatGoOn } from "./outcomes.ts";
import { racesOf } from "./races.ts";

interface Facts {
  readonly graph: Graph;
  readonly order: readonly number[];
  readonly triggers: readonly number[];
  /** Per node: the outcomes after which the run goes on. */
  readonly outcomes: readonly (readonly string[])[];
  /** Per node: 1 where all inbound edges must be taken. */
  readonly needsAll: Uint8Array;
  /** Per node: 1 where a `first` join comes after it. */
  readonly beforeFirst: Uint8Array;
  /** Per node: 1 where it is a `first` join, or one comes before it. */
  readonly behindFirst: Uint8Array;
  /** Per node: 1 where a join may call it off. */
  readonly callable: Uint8Array;
}

/**
 * Answers with 1 where `node` has certainly succeeded when `reader` starts. Every `node` must be an ancestor of its `reader`.
 * The reader `graph.ids.length` is the output of the run, which starts when all nodes have ended.
 */
export function areCertain(
  {
    document,
    graph,
    order,
  }: { readonly document: WorkflowDocument; readonly graph: Graph; readonly order: Order },
  queries: readonly Query[],
): Uint8Array {
  const answers = new Uint8Array(queries.length);
  if (queries.length === 0) return answers;
  const facts = factsOf(document, graph, order);
  const always = alwaysStarted(facts);
  const unclear = new Map<"leads" | "through", number[]>([
    ["leads", []],
    ["through", []],
  ]);
  queries.forEach((query, index) => {
    const fallible = canEndOtherwise(facts, query.node) || mayRunOn(facts, query);
    if ((always[query.node] && !fallible) || isOnlyWay(graph, query)) answers[index] = 1;
    else unclear.get(fallible ? "through" : "leads")?.push(index);
  });
  for (const [relation, indexes] of unclear) {
    const asked = indexes.map((index) => queries[index] as Query);
    const fill = relation === "leads" ? fillLeads : fillThrough;
    const found = answer(asked, graph.ids.length + 1, (empty) => fill(facts, empty));
    indexes.forEach((index, at) => (answers[index] = found[at] as number));
  }
  return answers;
}

function factsOf(document: WorkflowDocument, graph: Graph, { order }: Order): Facts {
  const documents = graph.ids.map((id) => document.nodes[id] as NodeDocument);
  return {
    ...firstsOf(documents, graph, order),
    graph,
    order,
    triggers: order.filter((node) => (documents[node] as NodeDocument).kind === "trigger"),
    outcomes: documents.map((node, index) =>
      outcomesThatGoOn(node, graph.outbound[index] as readonly GraphEdge[]),
    ),
    needsAll: Uint8Array.from(documents, (node) => Number(node.join === "all")),
  };
}

type Firsts = Pick<Facts, "beforeFirst" | "behindFirst" | "callable">;

function firstsOf(documents: readonly NodeDocument[], graph: Graph, order: readonly number[]): Firsts {
  const none = (): Uint8Array => new Uint8Array(documents.length);
  const [beforeFirst, behindFirst, callable] = [none(), none(), none()];
  const isFirst = documents.map(({ join }) => join === "first" || typeof join === "object");
  if (!isFirst.includes(true)) return { beforeFirst, behindFirst, callable };
  for (const node of order) {
    const inbound = graph.inbound[node] as readonly GraphEdge[];
    behindFirst[node] = Number(isFirst[node] || inbound.some(({ from }) => behindFirst[from] === 1));
  }
  for (const node of order.toReversed()) {
    const outbound = graph.outbound[node] as readonly GraphEdge[];
    beforeFirst[node] = Number(outbound.some(({ to }) => isFirst[to] || beforeFirst[to] === 1));
  }
  const races = racesOf(inOrder(documents, graph, order));
  order.forEach((node, at) => (callable[node] = Number(races[at] !== null)));
  return { beforeFirst, behindFirst, callable };
}

function inOrder(documents: readonly NodeDocument[], graph: Graph, order: readonly number[]) {
  const position = new Map(order.map((node, at) => [node, at]));
  return order.map((node) => ({
    callsOff: typeof documents[node]?.join === "object",
    // What is on or behind a cycle has no place in the order.
    outbound: (graph.outbound[node] as readonly GraphEdge[]).flatMap((edge) => {
      const to = position.get(edge.to);
      return to === undefined ? [] : [{ to }];
    }),
  }));
}

function canEndOtherwise({ outcomes, callable }: Facts, node: number): boolean {
  if (callable[node] === 1) return true;
  return (outcomes[node] as readonly string[]).some(
    (outcome) => outcome === "error" || outcome === "timeout",
  );
}

/** The reader may start before the node has ended. The output never does. */
function mayRunOn({ beforeFirst, behindFirst }: Facts, { reader, node }: Query): boolean {
  return beforeFirst[node] === 1 && behindFirst[reader] === 1;
}

function impliesSuccess(edge: GraphEdge): boolean {
  return edge.on !== "error" && edge.on !== "timeout";
}

function isOnlyWay(graph: Graph, { reader, node }: Query): boolean {
  const inbound = graph.inbound[reader];
  return inbound?.length === 1 && inbound[0]?.from === node && impliesSuccess(inbound[0]);
}

/** Nodes that start in every run, as far as single edges show it. Linear, and enough for graphs without conditions. */
function alwaysStarted({ graph, order, triggers, outcomes, needsAll }: Facts): Uint8Array {
  const always = new Uint8Array(graph.ids.length);
  if (triggers.length === 1) always[triggers[0] as number] = 1;
  for (const node of order) {
    const inbound = graph.inbound[node] as readonly GraphEdge[];
    if (inbound.length === 0) continue;
    const isSure = ({ from, on }: GraphEdge): boolean =>
      always[from] === 1 && (outcomes[from] as readonly string[]).every((outcome) => isTaken(on, outcome));
    always[node] = Number(needsAll[node] ? inbound.every(isSure) : inbound.some(isSure));
  }
  return always;
}

/** Row y, node x: if y starts, x starts too, sooner or later (or has started). */
function fillLeads(facts: Facts, rows: BitRows): BitRows {
  const { graph, order, triggers, needsAll } = facts;
  const output = graph.ids.length;
  const onward = fillOnward(facts, rows.emptyCopy(output + 2));
  for (const node of order) {
    const inbound = graph.inbound[node] as readonly GraphEdge[];
    inbound.forEach((edge, at) => {
      if (at === 0) rows.assign(node, rows, edge.from);
      else if (needsAll[node]) rows.union(node, rows, edge.from);
      else rows.intersect(node, rows, edge.from);
    });
    rows.union(node, onward, node);
  }
  triggers.forEach((trigger, at) => {
    if (at === 0) rows.assign(output, onward, trigger);
    else rows.intersect(output, onward, trigger);
  });
  return rows;
}

/** Row d, node x: whatever outcome d has, edges lead on to the start of x. The two last rows are scratch. */
function fillOnward({ graph, order, outcomes, needsAll }: Facts, rows: BitRows): BitRows {
  const [scratch, common] = [graph.ids.length, graph.ids.length + 1];
  for (let at = order.length - 1; at >= 0; at--) {
    const node = order[at] as number;
    const edges = graph.outbound[node] as readonly GraphEdge[];
    (outcomes[node] as readonly string[]).forEach((outcome, position) => {
      rows.clear(scratch);
      for (const { to, on } of edges) {
        const starts = !needsAll[to] || (graph.inbound[to] as readonly GraphEdge[]).length === 1;
        if (starts && isTaken(on, outcome)) rows.union(scratch, rows, to);
      }
      if (position === 0) rows.assign(common, rows, scratch);
      else rows.intersect(common, rows, scratch);
    });
    rows.assign(node, rows, common);
    rows.add(node, node);
  }
  return rows;
}

/** Row y, node x: every way into y leads through the success of x. The row of the output stays empty. */
function fillThrough({ graph, order, needsAll }: Facts, rows: BitRows): BitRows {
  const scratch = rows.emptyCopy(1);
  for (const node of order) {
    (graph.inbound[node] as readonly GraphEdge[]).forEach((edge, at) => {
      scratch.assign(0, rows, edge.from);
      if (impliesSuccess(edge)) scratch.add(0, edge.from);
      if (at === 0) rows.assign(node, scratch, 0);
      else if (needsAll[node]) rows.union(node, scratch, 0);
      else rows.intersect(node, scratch, 0);
    });
  }
  return rows;
}
