/** Finds for each knot of nodes that lead to each other one cycle that can be shown: a shortest one. */
import { componentsOf } from "./components.ts";
import type { Graph, GraphEdge } from "./graph.ts";
import type { Order } from "./order.ts";

/**
 * Steps along edges that the search for a shortest cycle may take per component. Small and ordinary components never come
 * near; for a hostile one the shortest of the cycles found so far must do.
 */
const MAX_STEPS = 500_000;

/** The edges of one cycle, in order; the last one leads back to where the first one begins. */
export type Cycle = readonly GraphEdge[];

/** One cycle per component, in the order of the document. Nodes that are only behind a cycle are in none. */
export function findCycles(graph: Graph, { depth }: Order): readonly Cycle[] {
  return componentsOf(graph, (node) => depth[node] === -1)
    .filter((component) => component.length > 1)
    .map((component) => shortestCycle(graph, component))
    .sort((a, b) => (a[0] as GraphEdge).from - (b[0] as GraphEdge).from);
}

/**
 * Begins with the first of its nodes in the order of the document: a cycle with an earlier node was found when the search began
 * there, and only a shorter one takes its place.
 */
function shortestCycle(graph: Graph, component: readonly number[]): Cycle {
  const search = new ShortestCycle(graph, new Set(component));
  for (const node of component.toSorted((a, b) => a - b)) {
    search.through(node);
    if (search.best.length === 2 || search.steps > MAX_STEPS) break;
  }
  return search.best;
}

class ShortestCycle {
  best: Cycle = [];
  steps = 0;
  readonly #graph: Graph;
  readonly #members: ReadonlySet<number>;

  constructor(graph: Graph, members: ReadonlySet<number>) {
    this.#graph = graph;
    this.#members = members;
  }

  /** Breadth first from `start` until an edge leads back to it, or no shorter cycle than the best one is left. */
  through(start: number): void {
    const cameBy = new Map<number, GraphEdge>();
    let wave = [start];
    for (let length = 1; wave.length > 0 && (this.best.length === 0 || length < this.best.length); length++) {
      const next: number[] = [];
      for (const node of wave) {
        for (const edge of this.#graph.outbound[node] as readonly GraphEdge[]) {
          this.steps++;
          if (edge.to === start) {
            this.best = wayBack(edge, start, cameBy);
            return;
          }
          if (!this.#members.has(edge.to) || cameBy.has(edge.to)) continue;
          cameBy.set(edge.to, edge);
          next.push(edge.to);
        }
      }
      wave = next;
    }
  }
}

function wayBack(last: GraphEdge, start: number, cameBy: ReadonlyMap<number, GraphEdge>): Cycle {
  const cycle = [last];
  for (let node = last.from; node !== start;) {
    const edge = cameBy.get(node) as GraphEdge;
    cycle.push(edge);
    node = edge.from;
  }
  return cycle.reverse();
}
