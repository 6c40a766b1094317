/** Kahn's algorithm: take away what has nothing before it, until nothing is left, or only cycles and what is behind them. */
import type { Graph, GraphEdge } from "./graph.ts";

export interface Order {
  /** Node numbers; every edge leads forward. Without the nodes on cycles and behind them. */
  readonly order: readonly number[];
  /** Longest way from a node without predecessors; -1 for nodes that are not in `order`. */
  readonly depth: Int32Array;
}

/**
 * Sorted by depth, then by id. So the order does not depend on the order of keys or edges in the document: a database
 * that stores JSON may change the order of keys, and the numbers of a plan must survive that.
 */
export function topologicalOrder(graph: Graph): Order {
  const depth = depths(graph);
  const order: number[] = [];
  for (let node = 0; node < graph.ids.length; node++) if (depth[node] !== -1) order.push(node);
  order.sort((a, b) => (depth[a] as number) - (depth[b] as number) || compareIds(graph, a, b));
  return { order, depth };
}

function depths(graph: Graph): Int32Array {
  const count = graph.ids.length;
  const open = new Int32Array(count);
  const depth = new Int32Array(count).fill(-1);
  let wave: number[] = [];
  for (let node = 0; node < count; node++) {
    open[node] = (graph.inbound[node] as readonly GraphEdge[]).length;
    if (open[node] === 0) wave.push(node);
  }
  for (let level = 0; wave.length > 0; level++) {
    const next: number[] = [];
    for (const node of wave) {
      depth[node] = level;
      for (const edge of graph.outbound[node] as readonly GraphEdge[]) {
        open[edge.to] = (open[edge.to] as number) - 1;
        if (open[edge.to] === 0) next.push(edge.to);
      }
    }
    wave = next;
  }
  return depth;
}

function compareIds(graph: Graph, a: number, b: number): number {
  return (graph.ids[a] as string) < (graph.ids[b] as string) ? -1 : 1;
}
