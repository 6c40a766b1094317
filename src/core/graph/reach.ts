/** Which nodes a run can come to at all. */
import type { Graph, GraphEdge } from "./graph.ts";

/** 1 for every node that can be reached from one of `roots`, the roots included. */
export function reachableFrom(graph: Graph, roots: Iterable<number>): Uint8Array {
  const reached = new Uint8Array(graph.ids.length);
  const open = [...roots];
  for (const root of open) reached[root] = 1;
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    for (const edge of graph.outbound[node] as readonly GraphEdge[]) {
      if (reached[edge.to]) continue;
      reached[edge.to] = 1;
      open.push(edge.to);
    }
  }
  return reached;
}
