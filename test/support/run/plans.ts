/** Plans by hand, for tests of the reducer: the expressions are functions, so that nothing has to be compiled. */
import type {
  CompiledExpression,
  CompiledTemplate,
  Reference,
  Scope,
} from "../../../src/core/expression/expression.ts";
import {
  COMPENSATION_SUFFIX,
  OUTPUT_NODE,
  type Plan,
  type PlanEdge,
  type PlanNode,
  type PlanWaitFor,
} from "../../../src/core/graph/plan.ts";
import { racesOf } from "../../../src/core/graph/races.ts";
import type { Json } from "../../../src/core/json.ts";
import type { RunValues } from "../../../src/core/run/state.ts";

export type Evaluate = (scope: Scope) => Json;

export type JoinSpec = "settled" | "all" | "first" | "race";

export type NodeSpec =
  | { readonly kind: "trigger" }
  | {
      readonly kind: "action";
      readonly join?: JoinSpec;
      readonly compensate?: boolean;
      readonly deadline?: number;
      /** Once per item of a list. */
      readonly map?: "fail" | "collect";
      /** It runs another workflow. */
      readonly child?: boolean;
    }
  | {
      readonly kind: "condition";
      readonly join?: JoinSpec;
      /** Outcome and what decides it. */
      readonly cases: readonly (readonly [string, Evaluate])[];
    }
  | {
      readonly kind: "wait";
      readonly join?: JoinSpec;
      readonly for:
        | { readonly duration: number }
        | { readonly until: Evaluate }
        | { readonly signal: string; readonly timeout?: number }
        | { readonly event: string; readonly match?: Evaluate; readonly timeout?: number };
      readonly onTimeout?: "fail" | "skip";
    };

/** `[from, to]` or `[from, to, on]`. */
export type EdgeSpec = readonly [from: string, to: string, on?: string];

export interface PlanSpec {
  /** In topological order. */
  readonly nodes: { readonly [id: string]: NodeSpec };
  readonly edges: readonly EdgeSpec[];
  /** Nodes whose values conditions and waits may read. Default: all. */
  readonly reads?: readonly string[];
  readonly onFailure?: "compensate";
  readonly deadline?: number;
  /** There may be too many runs like it. */
  readonly limited?: boolean;
}

/** The id of the node that undoes another one. */
export function undoing(id: string): string {
  return `${id}${COMPENSATION_SUFFIX}`;
}

/** Nodes with a compensation, in the order in which these run. */
export function compensated({ nodes }: PlanSpec): readonly string[] {
  const ids = Object.keys(nodes).reverse();
  return ids.filter((id) => {
    const node = nodes[id]!;
    return node.kind === "action" && node.compensate === true;
  });
}

export function planOf(spec: PlanSpec): Plan {
  const ids = Object.keys(spec.nodes);
  const undone = compensated(spec);
  const indexOf = new Map([...ids, ...undone.map(undoing), OUTPUT_NODE].map((id, index) => [id, index]));
  const edges = spec.edges.map(([from, to, on]) => edgeOf(indexOf, { from, to, on: on ?? null }));
  const inbound = Map.groupBy(edges, (edge) => edge.to);
  const outbound = Map.groupBy(edges, (edge) => edge.from);
  const references = (spec.reads ?? ids).map((node): Reference => ({
    root: "nodes",
    node,
    path: [],
    column: 1,
  }));
  const places = ids.map((id, index) => ({
    id,
    index,
    references,
    inbound: inbound.get(index) ?? [],
    outbound: outbound.get(index) ?? [],
    ...joinOf(spec.nodes[id]!),
  }));
  const races = racesOf(places);
  const nodes = places.map((place, index) =>
    nodeOf(spec.nodes[place.id]!, { ...place, race: races[index]! }),
  );
  return {
    document: { format: 1, name: "test", nodes: {}, edges: [] },
    nodes: [
      ...nodes,
      ...undone.map((id, at) => compensationOf(nodes[indexOf.get(id)!]!, ids.length + at)),
      outputOf(ids.length + undone.length),
    ],
    compensatesOnFailure: spec.onFailure === "compensate",
    concurrency: spec.limited ? { key: null, limit: 1, onLimit: "queue" } : null,
    indexOf,
    retry: null,
    timeoutMs: null,
    deadlineMs: spec.deadline ?? null,
    reads: { input: true, trigger: true, nodes: new Set((spec.reads ?? ids).map((id) => indexOf.get(id)!)) },
  };
}

function edgeOf(
  indexOf: ReadonlyMap<string, number>,
  edge: { from: string; to: string; on: string | null },
): PlanEdge {
  const from = indexOf.get(edge.from);
  const to = indexOf.get(edge.to);
  if (from === undefined || to === undefined || to <= from)
    throw new Error(`edge ${edge.from} -> ${edge.to}: nodes must be in topological order`);
  return { from, to, on: edge.on };
}

/** `race`: a `first` join that cancels the others. */
function joinOf(spec: NodeSpec): Pick<PlanNode, "join" | "callsOff"> {
  const join = ("join" in spec ? spec.join : undefined) ?? "settled";
  return join === "race" ? { join: "first", callsOff: true } : { join, callsOff: false };
}

interface Place extends Omit<PlanNode, "kind" | "hasErrorEdge"> {
  readonly references: readonly Reference[];
}

function nodeOf(spec: NodeSpec, { references, ...place }: Place): PlanNode {
  const { outbound } = place;
  const base = { ...place, hasErrorEdge: outbound.some((edge) => edge.on === "error") };
  switch (spec.kind) {
    case "trigger":
      return { ...base, kind: "trigger", source: { type: "manual" }, input: null };
    case "action":
      return {
        ...base,
        kind: "action",
        action: "test.act",
        input: template(() => null, []),
        lane: "default",
        timeoutMs: null,
        deadlineMs: spec.deadline ?? null,
        retry: null,
        credentials: [],
        compensates: null,
        key: null,
        isChild: spec.child ?? false,
        map: spec.map
          ? { list: expression(() => [], []), concurrency: 20, collect: spec.map === "collect" }
          : null,
      };
    case "condition":
      return {
        ...base,
        kind: "condition",
        cases: spec.cases.map(([outcome, when]) => ({ outcome, when: expression(when, references) })),
      };
    case "wait": {
      const hasTimeoutEdge = outbound.some((edge) => edge.on === "timeout");
      return {
        ...base,
        kind: "wait",
        for: waitFor(spec.for, references),
        hasTimeoutEdge,
        onTimeout: spec.onTimeout ?? "fail",
      };
    }
  }
}

function waitFor(
  spec: Extract<NodeSpec, { kind: "wait" }>["for"],
  references: readonly Reference[],
): PlanWaitFor {
  if ("duration" in spec) return { type: "duration", ms: spec.duration };
  if ("until" in spec) return { type: "until", at: template(spec.until, references) };
  const timeoutMs = spec.timeout ?? null;
  if ("signal" in spec) return { type: "signal", name: spec.signal, timeoutMs };
  return {
    type: "event",
    name: spec.event,
    match: spec.match ? expression(spec.match, references) : null,
    timeoutMs,
  };
}

const ALONE = {
  join: "settled",
  callsOff: false,
  race: null,
  inbound: [],
  outbound: [],
  hasErrorEdge: false,
} as const;

function outputOf(index: number): PlanNode {
  return { ...ALONE, id: OUTPUT_NODE, index, kind: "output", template: template(() => null, []) };
}

function compensationOf(node: PlanNode, index: number): PlanNode {
  if (node.kind !== "action") throw new Error("only actions are undone");
  return {
    ...node,
    ...ALONE,
    id: undoing(node.id),
    index,
    deadlineMs: null,
    isChild: false,
    map: node.map && { ...node.map, list: null, collect: false },
    compensates: node.index,
  };
}

function expression(evaluate: Evaluate, references: readonly Reference[]): CompiledExpression {
  return { source: "test", references, evaluate };
}

function template(render: Evaluate, references: readonly Reference[]): CompiledTemplate {
  return { source: "test", references, render };
}

export const VALUES: RunValues = {
  input: { cents: 5 },
  trigger: null,
  run: { id: "run" },
  outputs: new Map(),
  errors: new Map(),
};

/** A trigger `start`, then these nodes one after the other. */
export function chainOf(nodes: { readonly [id: string]: NodeSpec }): Plan {
  const ids = ["start", ...Object.keys(nodes)];
  const edges = ids.slice(1).map((id, index): EdgeSpec => [ids[index]!, id]);
  return planOf({ nodes: { start: { kind: "trigger" }, ...nodes }, edges });
}
