/** Edges that are there already. */
import type { EdgeDocument } from "../definition/document.ts";
import type { Graph, GraphEdge } from "./graph.ts";

/** Positions of edges that repeat another one, each with the position of the first of its kind. */
export function repeatedEdges(graph: Graph, edges: readonly EdgeDocument[]): ReadonlyMap<number, number> {
  const repeats = new Map<number, number>();
  const compare = (positions: readonly number[]): void => {
    const first = new Map<string, number>();
    for (const position of positions) {
      const { from, to, on = "" } = edges[position] as EdgeDocument;
      const key = JSON.stringify([from, to, on]);
      const known = first.get(key);
      if (known === undefined) first.set(key, position);
      else repeats.set(position, known);
    }
  };
  // Texts are compared only where it is needed: nearly every edge is the only one between its ends.
  const lastFrom = new Int32Array(graph.ids.length).fill(-1);
  graph.outbound.forEach((outbound, from) => {
    if (meetAgain(outbound, from, lastFrom)) compare(outbound.map(({ position }) => position));
  });
  if (graph.edges.length < edges.length) compare(positionsOutside(graph, edges.length));
  return repeats;
}

/** Whether two of the edges that leave `from` have the same end. Of every node, `lastFrom` holds who led there last. */
function meetAgain(outbound: readonly GraphEdge[], from: number, lastFrom: Int32Array): boolean {
  let again = false;
  for (const { to } of outbound) {
    again ||= lastFrom[to] === from;
    lastFrom[to] = from;
  }
  return again;
}

/** Edges that lead to where they begin, or to or from nowhere. */
function positionsOutside(graph: Graph, count: number): readonly number[] {
  const inside = new Uint8Array(count);
  for (const { position } of graph.edges) inside[position] = 1;
  return Array.from(inside.keys()).filter((position) => inside[position] === 0);
}
