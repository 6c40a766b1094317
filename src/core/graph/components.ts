/** Strongly connected components (Tarjan), for what Kahn's algorithm leaves over. */
import type { Graph, GraphEdge } from "./graph.ts";

/** Own stack instead of recursion: a ring of 10,000 nodes is 10,000 deep. */
class Search {
  readonly components: number[][] = [];
  readonly #graph: Graph;
  readonly #found: Int32Array;
  readonly #low: Int32Array;
  readonly #cursor: Int32Array;
  readonly #onStack: Uint8Array;
  readonly #stack: number[] = [];
  #clock = 0;

  constructor(graph: Graph) {
    const count = graph.ids.length;
    this.#graph = graph;
    this.#found = new Int32Array(count).fill(-1);
    this.#low = new Int32Array(count);
    this.#cursor = new Int32Array(count);
    this.#onStack = new Uint8Array(count);
  }

  from(root: number): void {
    if (this.#found[root] !== -1) return;
    const path = [root];
    this.#enter(root);
    for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
      const next = this.#nextOf(node);
      if (next === undefined) {
        path.pop();
        this.#leave(node, path.at(-1));
      } else if (this.#found[next] === -1) {
        this.#enter(next);
        path.push(next);
      } else if (this.#onStack[next]) {
        this.#lower(node, this.#found[next] as number);
      }
    }
  }

  #enter(node: number): void {
    this.#found[node] = this.#low[node] = this.#clock++;
    this.#stack.push(node);
    this.#onStack[node] = 1;
  }

  #leave(node: number, parent: number | undefined): void {
    if (parent !== undefined) this.#lower(parent, this.#low[node] as number);
    if (this.#low[node] !== this.#found[node]) return;
    const component: number[] = [];
    let member: number;
    do {
      member = this.#stack.pop() as number;
      this.#onStack[member] = 0;
      component.push(member);
    } while (member !== node);
    this.components.push(component);
  }

  #lower(node: number, value: number): void {
    if (value < (this.#low[node] as number)) this.#low[node] = value;
  }

  #nextOf(node: number): number | undefined {
    const edges = this.#graph.outbound[node] as readonly GraphEdge[];
    const at = this.#cursor[node] as number;
    this.#cursor[node] = at + 1;
    return edges[at]?.to;
  }
}

/**
 * The components of the nodes that are `inside`, in topological order of the components. Whatever a node inside leads to must be
 * inside too, as it is for nodes on cycles and behind them.
 */
export function componentsOf(
  graph: Graph,
  inside: (node: number) => boolean,
): readonly (readonly number[])[] {
  const search = new Search(graph);
  for (let node = 0; node < graph.ids.length; node++) if (inside(node)) search.from(node);
  return search.components.reverse();
}
