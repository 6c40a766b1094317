/** Random graphs and documents. */
import fc from "fast-check";
import type { EdgeDocument, NodeDocument, WorkflowDocument } from "../../../src/core/definition/document.ts";

export type Pair = readonly [from: number, to: number];

export interface PairGraph {
  readonly count: number;
  readonly pairs: readonly Pair[];
}

/** Any pairs, each at most once: with cycles, without edges from a node to itself. */
export function graphs(maxNodes: number): fc.Arbitrary<PairGraph> {
  return fc.integer({ min: 1, max: maxNodes }).chain((count) => {
    const node = fc.nat({ max: count - 1 });
    const pair = fc.tuple(node, node).filter(([from, to]) => from !== to);
    const pairs = fc.uniqueArray(count === 1 ? fc.constant<Pair>([0, 1]) : pair, {
      selector: ([from, to]) => from * count + to,
      maxLength: count === 1 ? 0 : count * 3,
    });
    return fc.record({ count: fc.constant(count), pairs });
  });
}

/** Edges lead from lower to higher numbers; the nodes have their numbers in random order. */
export function acyclic(maxNodes: number): fc.Arbitrary<PairGraph> {
  return graphs(maxNodes).chain(({ count, pairs }) => {
    const forward = new Map(pairs.map(([a, b]) => [`${Math.min(a, b)} ${Math.max(a, b)}`, [a, b] as const]));
    return fc.shuffledSubarray([...Array(count).keys()], { minLength: count }).map((names) => ({
      count,
      pairs: [...forward.values()].map(([a, b]): Pair => [
        names[Math.min(a, b)] as number,
        names[Math.max(a, b)] as number,
      ]),
    }));
  });
}

export function idOf(node: number): string {
  return `n${node}`;
}

/** A document of steps that do nothing. */
export function documentOf({ count, pairs }: PairGraph): WorkflowDocument {
  const ids = [...Array(count).keys()].map(idOf);
  return {
    format: 1,
    name: "w",
    nodes: Object.fromEntries(ids.map((id) => [id, { kind: "action" as const, action: "any" }])),
    edges: pairs.map(([from, to]) => ({ from: idOf(from), to: idOf(to) })),
  };
}

/** Who comes before `reader`, the slow and plain way. */
export function ancestorsOf(reader: number, { pairs }: PairGraph): ReadonlySet<number> {
  const found = new Set<number>();
  const visit = (node: number): void => {
    for (const [from, to] of pairs) {
      if (to !== node || found.has(from)) continue;
      found.add(from);
      visit(from);
    }
  };
  visit(reader);
  return found;
}

const NODES: readonly NodeDocument[] = [
  { kind: "action", action: "any" },
  { kind: "action", action: "any", join: "all" },
  { kind: "condition", cases: [{ outcome: "yes", if: "true" }] },
  {
    kind: "condition",
    cases: [
      { outcome: "yes", if: "true" },
      { outcome: "no", if: "false" },
    ],
    join: "all",
  },
  { kind: "action", action: "any", join: "first" },
  { kind: "action", action: "any", join: { first: true, cancelOthers: true } },
  { kind: "wait", for: { duration: 1 } },
  { kind: "wait", for: { signal: "go" } },
  { kind: "wait", for: { signal: "go", timeout: 1 } },
  { kind: "wait", for: { event: "e", timeout: 1 }, onTimeout: "skip" },
];
const TRIGGER: NodeDocument = { kind: "trigger" };

const OUTCOMES: { readonly [kind in NodeDocument["kind"]]: readonly (string | undefined)[] } = {
  trigger: [undefined, "fired"],
  action: [undefined, undefined, "success", "error"],
  condition: [undefined, "yes", "else", "error"],
  wait: [undefined, undefined, "error"],
};

/** Small documents of every kind of node, with one or two triggers, edges for every outcome, and several edges between two nodes. */
export function flows(maxNodes: number): fc.Arbitrary<WorkflowDocument> {
  const shape = fc.record({
    kinds: fc.array(fc.nat({ max: NODES.length - 1 }), { minLength: 2, maxLength: maxNodes }),
    second: fc.boolean(),
    links: fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { maxLength: maxNodes * 2 }),
    first: fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: maxNodes, maxLength: maxNodes }),
  });
  return shape.map(({ kinds, second, links, first }) => {
    const triggers = second ? [TRIGGER, TRIGGER] : [TRIGGER];
    const nodes = [...triggers, ...kinds.map((kind) => NODES[kind] as NodeDocument)];
    const edges = new Map<string, EdgeDocument>();
    const link = (from: number, to: number, outcome: number): void => {
      const on = pick(outcomesOf(nodes[from] as NodeDocument), outcome);
      const edge = { from: idOf(from), to: idOf(to), ...(on === undefined ? {} : { on }) };
      edges.set(JSON.stringify(edge), edge);
    };
    // Every node has an edge from one before it, so that every node can be reached; then more edges.
    for (let to = triggers.length; to < nodes.length; to++) {
      const [from, outcome] = first[to - triggers.length] as readonly [number, number];
      link(from % to, to, outcome);
    }
    for (const [a, b, outcome] of links) {
      const to = triggers.length + (a % kinds.length);
      link(b % to, to, outcome);
    }
    return {
      format: 1,
      name: "w",
      nodes: Object.fromEntries(nodes.map((node, index) => [idOf(index), node])),
      edges: [...edges.values()],
    };
  });
}

function outcomesOf(node: NodeDocument): readonly (string | undefined)[] {
  const outcomes = OUTCOMES[node.kind];
  if (node.kind !== "wait" || "duration" in node.for) return outcomes;
  return [...outcomes, "received", "timeout"];
}

function pick<T>(list: readonly T[], at: number): T {
  return list[at % list.length] as T;
}
