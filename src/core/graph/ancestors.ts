/** Which nodes come before which, by any path of edges. */
import { answer, type BitRows, type Query } from "./bit-rows.ts";
import { componentsOf } from "./components.ts";
import type { Graph, GraphEdge } from "./graph.ts";
import type { Order } from "./order.ts";

/**
 * Answers with 1 where `node` is an ancestor of `reader`. On a cycle every node is an ancestor of every other, so a document
 * with a cycle gets the rest of its problems reported too.
 */
export function areAncestors(graph: Graph, order: Order, queries: readonly Query[]): Uint8Array {
  const answers = new Uint8Array(queries.length);
  const unclear: number[] = [];
  queries.forEach((query, index) => {
    if (isRuledOut(order, query)) return;
    // By far the most references are to a node shortly before.
    const near = searchNear(graph, order, query);
    if (near === undefined) unclear.push(index);
    else answers[index] = Number(near);
  });
  const asked = unclear.map((index) => queries[index] as Query);
  const groups = asked.length === 0 ? [] : groupsInOrder(graph, order);
  const found = answer(asked, graph.ids.length, (empty) => fillAncestors(graph, groups, empty));
  unclear.forEach((index, at) => (answers[index] = found[at] as number));
  return answers;
}

/** Edges that the search before a reader may look at. */
const MAX_NEAR = 64;

/** Breadth first against the edges; `undefined` where it is too far to say. */
function searchNear(graph: Graph, { depth }: Order, { reader, node }: Query): boolean | undefined {
  const open = [reader];
  let left = MAX_NEAR;
  for (let at = 0; at < open.length; at++) {
    for (const { from } of graph.inbound[open[at] as number] as readonly GraphEdge[]) {
      if (from === node) return true;
      if (left-- === 0) return undefined;
      // What is less deep than the node cannot come after it. Around cycles nothing is known of depths, and the limit ends the search.
      const deep = depth[from] as number;
      if (deep === -1 || deep > (depth[node] as number)) open.push(from);
    }
  }
  return false;
}

/** An ancestor of a node that is not behind a cycle is less deep. */
function isRuledOut({ depth }: Order, { reader, node }: Query): boolean {
  const deepest = depth[reader] as number;
  return deepest !== -1 && (depth[node] === -1 || (depth[node] as number) >= deepest);
}

type Group = readonly number[];

function groupsInOrder(graph: Graph, { order, depth }: Order): readonly Group[] {
  return [...order.map((node) => [node]), ...componentsOf(graph, (node) => depth[node] === -1)];
}

/** Nodes of one group (a single node, or all nodes that lead to each other) have the same ancestors. */
function fillAncestors(graph: Graph, groups: readonly Group[], rows: BitRows): BitRows {
  for (const group of groups) {
    const first = group[0] as number;
    for (const node of group) {
      for (const edge of graph.inbound[node] as readonly GraphEdge[]) {
        rows.add(first, edge.from);
        rows.union(first, rows, edge.from);
      }
    }
    for (const node of group) if (node !== first) rows.assign(node, rows, first);
  }
  return rows;
}
