/**
 * The edges of a workflow from the builder: those that `after` names, and those that data needs.
 *
 * A node that reads another must come after it. Where `after` sees to that, however far round, no edge is added: it would let the node
 * start on a way on which `after` does not want it. Nodes only know nodes that were made before them, so there are no circles.
 */
import { BitRows } from "../graph/bit-rows.ts";
import { makeIssue, type Issue } from "../graph/issues.ts";
import type { EdgeDocument } from "./document.ts";
import type { NodeRead } from "./refs.ts";

/** A node that the builder has recorded, before its edges are known. */
export interface RecordedNode {
  readonly id: string;
  readonly isTrigger: boolean;
  readonly after: readonly Omit<EdgeDocument, "to">[];
  readonly reads: readonly NodeRead[];
  /** Whether the host has said how edges are joined. */
  readonly hasJoin: boolean;
}

export interface BuiltEdges {
  readonly edges: readonly EdgeDocument[];
  /** Nodes that need `join: "all"`. */
  readonly joinAll: ReadonlySet<string>;
  readonly issues: readonly Issue[];
}

/** In the order of the nodes; of one node first those of `after`. */
export function buildEdges(nodes: readonly RecordedNode[]): BuiltEdges {
  const edges: EdgeDocument[] = [];
  const joinAll = new Set<string>();
  const issues: Issue[] = [];
  const before = new Ancestors(nodes);
  const triggers = nodes.filter((node) => node.isTrigger).map(({ id }) => ({ from: id }));
  for (const node of nodes) {
    const { id, after } = node;
    for (const { from } of after) before.add(id, from);
    const needed = edgesForReads(node, before);
    const inbound = [...after, ...needed];
    const isFirst = inbound.length === 0 && !node.isTrigger;
    edges.push(...(isFirst ? triggers : inbound).map((edge) => ({ ...edge, to: id })));
    if (after.length === 0 || needed.length === 0 || node.hasJoin) continue;
    if (after.length === 1 && isDistinct(needed)) joinAll.add(id);
    else issues.push(joinIssue(id, needed));
  }
  return { edges, joinAll, issues };
}

/** From the latest to the earliest, so that a node which is before another that is read anyway needs no edge. */
function edgesForReads({ id, reads }: RecordedNode, before: Ancestors): readonly Omit<EdgeDocument, "to">[] {
  const edges: Omit<EdgeDocument, "to">[] = [];
  for (const from of before.latestFirst(new Set(reads.map((read) => read.id)))) {
    if (before.has(id, from)) continue;
    before.add(id, from);
    const failures = new Set(reads.filter((read) => read.id === from).map((read) => read.failure));
    if (failures.has(true)) edges.unshift({ from, on: "error" });
    if (failures.has(false)) edges.unshift({ from });
  }
  return edges;
}

/** Two edges from one node are for two outcomes, of which only one comes. */
function isDistinct(edges: readonly { readonly from: string }[]): boolean {
  return new Set(edges.map(({ from }) => from)).size === edges.length;
}

class Ancestors {
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #rows: BitRows;

  constructor(nodes: readonly RecordedNode[]) {
    this.#numbers = new Map(nodes.map(({ id }, index) => [id, index]));
    const columns = Int32Array.from(nodes, (_, index) => index);
    this.#rows = new BitRows(nodes.length, columns, nodes.length);
  }

  add(id: string, from: string): void {
    const [node, ancestor] = [this.#number(id), this.#number(from)];
    this.#rows.union(node, this.#rows, ancestor);
    this.#rows.add(node, ancestor);
  }

  has(id: string, ancestor: string): boolean {
    return this.#rows.has(this.#number(id), this.#number(ancestor));
  }

  latestFirst(ids: ReadonlySet<string>): readonly string[] {
    return [...ids].sort((a, b) => this.#number(b) - this.#number(a));
  }

  #number(id: string): number {
    return this.#numbers.get(id) as number;
  }
}

function joinIssue(id: string, needed: readonly { readonly from: string }[]): Issue {
  const names = [...new Set(needed.map(({ from }) => `"${from}"`))].join(", ");
  return makeIssue("field_missing", ["nodes", id, "join"], {
    message: `"${id}" comes after one of several outcomes, and reads ${names}, which none of them comes after; so it is open when it starts.`,
    next: 'Say `join: "all"`, `"settled"` or `"first"`, or let a node before it read the value.',
  });
}
