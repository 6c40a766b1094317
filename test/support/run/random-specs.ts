/**
 * Random workflows: all kinds of nodes, all joins, every outcome on edges, conditions and waits that read what came before
 * them, or fail on it. They are as the validator accepts them, but for outcomes that nothing leads on from.
 */
import fc from "fast-check";
import type { NodeScope, Scope } from "../../../src/core/expression/expression.ts";
import type { Json } from "../../../src/core/json.ts";
import type { EdgeSpec, Evaluate, NodeSpec, PlanSpec } from "./plans.ts";

/** When all random runs begin. */
export const START = 1_000_000;
export const SIGNALS: readonly string[] = ["s0", "s1"];
export const EVENTS: readonly string[] = ["e0", "e1"];

interface Draw {
  readonly kind: number;
  readonly join: number;
  readonly detail: number;
  readonly reads: number;
  readonly edges: readonly (readonly [number, number])[];
}

const draw: fc.Arbitrary<Draw> = fc.record({
  kind: fc.nat(99),
  join: fc.nat(11),
  detail: fc.nat(9_999),
  reads: fc.nat(999),
  edges: fc.array(fc.tuple(fc.nat(999), fc.nat(11)), { minLength: 1, maxLength: 4 }),
});

export interface SpecOptions {
  /** How many nodes at most, triggers left out. Default 10. */
  readonly size?: number;
  /** Also joins that start at the first edge. Default true. */
  readonly first?: boolean;
  /** Also compensations. Default true. */
  readonly undo?: boolean;
}

export function specs({ size = 10, first = true, undo = true }: SpecOptions = {}): fc.Arbitrary<PlanSpec> {
  return fc
    .tuple(fc.nat(4), fc.noBias(fc.array(draw, { minLength: 2, maxLength: size, size: "max" })))
    .map(([triggers, draws]) =>
      build(triggers === 4 ? 2 : 1, first ? draws : draws.map((one) => ({ ...one, join: one.join % 8 }))),
    )
    .map((spec) => (undo ? spec : withoutUndo(spec)));
}

function withoutUndo({ onFailure: _onFailure, ...spec }: PlanSpec): PlanSpec {
  const nodes = Object.entries(spec.nodes).map(
    ([id, node]) => [id, node.kind === "action" ? { ...node, compensate: false } : node] as const,
  );
  return { ...spec, nodes: Object.fromEntries(nodes) };
}

function build(triggers: number, draws: readonly Draw[]): PlanSpec {
  const nodes: Record<string, NodeSpec> = {};
  const edges = new Map<string, EdgeSpec>();
  const ancestors = new Map<string, ReadonlySet<string>>();
  const reads = new Set<string>();
  for (let n = 0; n < triggers; n++) {
    nodes[`t${n}`] = { kind: "trigger" };
    ancestors.set(`t${n}`, new Set());
  }
  for (const [n, drawn] of draws.entries()) {
    const id = `n${n}`;
    const before = Object.keys(nodes);
    const own = new Set<string>();
    for (const [from, on] of drawn.edges) {
      const source = before[from % before.length]!;
      const edge = edgeOf(source, id, { on, spec: nodes[source]! });
      edges.set(edge.join(" "), edge);
      for (const ancestor of [source, ...ancestors.get(source)!]) own.add(ancestor);
    }
    ancestors.set(id, own);
    const read = [...own][drawn.reads % own.size]!;
    nodes[id] = nodeOf(drawn, read);
    if (nodes[id].kind !== "action") reads.add(read);
  }
  // The order of edges in a document says nothing.
  const order = draws[0]!.detail % 2 === 0 ? [...edges.values()] : [...edges.values()].reverse();
  const onFailure = draws[1]!.detail % 3 === 0 ? ({ onFailure: "compensate" } as const) : {};
  const deadline = draws[1]!.detail % 5 === 0 ? { deadline: (1 + (draws[0]!.detail % 9)) * 20_000 } : {};
  const limited = draws[1]!.detail % 4 === 1 ? { limited: true } : {};
  return { nodes, edges: order, reads: [...reads], ...onFailure, ...deadline, ...limited };
}

function edgeOf(from: string, to: string, { on, spec }: { on: number; spec: NodeSpec }): EdgeSpec {
  const names = outcomesOf(spec);
  // Every other edge has no `on`.
  const name = on % 2 === 0 ? undefined : names[(on >> 1) % names.length];
  return name === undefined ? [from, to] : [from, to, name];
}

function outcomesOf(spec: NodeSpec): readonly string[] {
  switch (spec.kind) {
    case "trigger":
      return ["fired"];
    case "action":
      return ["error", "success"];
    case "condition":
      return [...spec.cases.map(([outcome]) => outcome), "else", "error"];
    case "wait":
      return "duration" in spec.for || "until" in spec.for
        ? ["elapsed", "error"]
        : ["timeout", "received", "error"];
  }
}

function nodeOf({ kind, join, detail }: Draw, read: string): NodeSpec {
  const joined = join < 8 ? (join < 2 ? ({ join: "all" } as const) : {}) : { join: JOINS[join - 8]! };
  const deadline = detail % 4 === 0 ? { deadline: (1 + (detail % 7)) * 15_000 } : {};
  if (kind < 45 && detail % 5 === 1)
    return {
      kind: "action",
      ...joined,
      ...deadline,
      map: detail % 2 === 0 ? "fail" : "collect",
      compensate: detail % 3 > 0,
    };
  if (kind < 45 && detail % 7 === 2)
    return { kind: "action", ...joined, child: true, compensate: detail % 3 > 0 };
  if (kind < 45) return { kind: "action", ...joined, ...deadline, compensate: detail % 3 > 0 };
  if (kind < 70) return { kind: "condition", ...joined, cases: casesOf(detail, read) };
  const onTimeout = detail % 2 === 0 ? "fail" : "skip";
  return { kind: "wait", ...joined, for: waitFor(detail >> 1, read), onTimeout };
}

const JOINS = ["first", "first", "race", "race"] as const;

function casesOf(detail: number, read: string): readonly (readonly [string, Evaluate])[] {
  const first = ["a", test(detail % 16, read)] as const;
  const second = ["b", test((detail >> 4) % 16, read)] as const;
  return detail % 3 === 0 ? [first] : [first, second];
}

function waitFor(detail: number, read: string): Extract<NodeSpec, { kind: "wait" }>["for"] {
  const rest = detail >> 3;
  const timeout = rest % 3 === 0 ? {} : { timeout: (rest % 5) * 10_000 };
  switch (detail % 10) {
    case 0:
    case 8:
      return { duration: (rest % 4) * 10_000 };
    case 1:
      return { until: () => START + (rest % 10) * 10_000 };
    case 2:
      return { until: (scope) => outputOf(scope, read) };
    case 3:
    case 4:
    case 5:
    case 9:
      return { signal: SIGNALS[rest % SIGNALS.length]!, ...timeout };
    case 6:
      return { event: EVENTS[rest % EVENTS.length]!, ...timeout };
    default:
      return { event: EVENTS[rest % EVENTS.length]!, match: MATCHES[rest % MATCHES.length]!, ...timeout };
  }
}

function outputOf(scope: Scope, id: string): Json {
  return scope.nodes?.[id]?.output ?? null;
}

function test(which: number, read: string): Evaluate {
  // Some fail; most do not.
  return ({ nodes }) => TESTS[which < TESTS.length ? which : which % 6]!(nodes![read]!);
}

const TESTS: readonly ((node: NodeScope) => Json)[] = [
  ({ status }) => status === "succeeded",
  ({ output }) => typeof output === "number" && output % 2 === 1,
  ({ error }) => error !== null,
  ({ status }) => status === "skipped" || status === "failed",
  ({ status }) => status !== "succeeded",
  ({ output }) => output === null || output === 4,
  () => "not a boolean",
  () => {
    throw new Error("no such key");
  },
];

const MATCHES: readonly Evaluate[] = [
  ({ event }) => (event as { payload: number }).payload % 2 === 0,
  ({ event }) => (event as { payload: number }).payload,
  ({ event }) => (event as { payload: number }).payload % 3 === 0,
  () => {
    throw new Error("no such key");
  },
];
