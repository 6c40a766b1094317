/**
 * The graph of a workflow: who leads to whom, which nodes come first, and whether a document makes sense as a whole.
 *
 *   document -> Graph (numbers) -> order, cycles, reach, ancestors -> issues (validate.ts) or Plan (compile-plan.ts)
 *
 * Invariants of this folder:
 * - Node ids of users are only ever keys of a `Map`. A node called `__proto__` is an ordinary, refused, id.
 * - Nothing recurses over nodes or edges: a chain of 10,000 nodes must not meet the end of the stack.
 * - Everything is linear in nodes and edges, but for the ancestor sets (see ancestors.ts).
 */

/** An edge whose two ends exist and differ. */
export interface GraphEdge {
  readonly from: number;
  readonly to: number;
  /** `null`: every outcome except `error` and `timeout`. */
  readonly on: string | null;
  /** Position in the document's `edges`. */
  readonly position: number;
}

export interface Graph {
  readonly ids: readonly string[];
  readonly indexOf: ReadonlyMap<string, number>;
  readonly edges: readonly GraphEdge[];
  /** Edges that leave node `n`, in the order of the document. */
  readonly outbound: readonly (readonly GraphEdge[])[];
  /** Edges that reach node `n`, in the order of the document. */
  readonly inbound: readonly (readonly GraphEdge[])[];
}

export interface EdgeSource {
  readonly from: string;
  readonly to: string;
  readonly on?: string;
}

/** Numbers the nodes in the order given. Edges with an end that does not exist, and self-edges, are left out. */
export function buildGraph(ids: readonly string[], edges: readonly EdgeSource[]): Graph {
  const indexOf = new Map<string, number>();
  for (let i = 0; i < ids.length; i++) indexOf.set(ids[i] as string, i);
  const outbound: GraphEdge[][] = Array.from(ids, () => []);
  const inbound: GraphEdge[][] = Array.from(ids, () => []);
  const known: GraphEdge[] = [];
  for (let position = 0; position < edges.length; position++) {
    const source = edges[position] as EdgeSource;
    const from = indexOf.get(source.from);
    const to = indexOf.get(source.to);
    if (from === undefined || to === undefined || from === to) continue;
    const edge: GraphEdge = { from, to, on: source.on ?? null, position };
    known.push(edge);
    (outbound[from] as GraphEdge[]).push(edge);
    (inbound[to] as GraphEdge[]).push(edge);
  }
  return { ids, indexOf, edges: known, outbound, inbound };
}
