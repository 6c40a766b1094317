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
    // By far the most references are to the node just before.
    if (isDirect(graph, query)) answers[index] = 1;
    else if (!isRuledOut(order, query)) unclear.push(index);
  });
  const asked = unclear.map((index) => queries[index] as Query);
  const groups = asked.length === 0 ? [] : groupsInOrder(graph, order);
  const found = answer(asked, graph.ids.length, (empty) => fillAncestors(graph, groups, empty));
  unclear.forEach((index, at) => (answers[index] = found[at] as number));
  return answers;
}

function isDirect(graph: Graph, { reader, node }: Query): boolean {
  return (graph.inbound[reader] as readonly GraphEdge[]).some((edge) => edge.from === node);
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
