/** Compiles a valid document for running. What the plan guarantees is written in plan.ts. */
import type {
  ActionDocument,
  ConditionDocument,
  Duration,
  JoinDocument,
  NodeDocument,
  TriggerDocument,
  WaitDocument,
  WaitFor,
  WorkflowDocument,
} from "../definition/document.ts";
import { parseDuration } from "../definition/duration.ts";
import { parseRetry } from "../definition/retry.ts";
import { compileExpression } from "../expression/compile.ts";
import type { Reference } from "../expression/expression.ts";
import { compileTemplate } from "../expression/template.ts";
import type { Json } from "../json.ts";
import { DefinitionError } from "./definition-error.ts";
import type { Graph, GraphEdge } from "./graph.ts";
import {
  COMPENSATION_SUFFIX,
  OUTPUT_NODE,
  type Plan,
  type PlanAction,
  type PlanConcurrency,
  type PlanEdge,
  type PlanMap,
  type PlanNode,
  type PlanOutput,
  type PlanWaitFor,
  RUN_WORKFLOW,
} from "./plan.ts";
import { racesOf } from "./races.ts";
import { structuralIssues } from "./structure.ts";
import { subjectOf } from "./subject.ts";

const DEFAULT_LANE = "default";

type PlanBase = Omit<PlanOutput, "kind" | "template">;

interface Ordered {
  readonly document: WorkflowDocument;
  readonly graph: Graph;
  readonly order: readonly number[];
}

/** A node without edges. */
const ALONE = {
  join: "settled",
  callsOff: false,
  race: null,
  inbound: [],
  outbound: [],
  hasErrorEdge: false,
} as const;

/**
 * Compiles a document into the plan that runs are made of. Use it for documents that `validateWorkflow` accepted: it looks at
 * the graph once more (nodes, edges, cycles), because a plan with a cycle would hang its runs, but not at actions or scopes.
 *
 * The same document always gives the same plan, whatever the order of its keys.
 *
 * Throws `FlowForgeError` with code `definition_invalid` (a `DefinitionError`: it has `issues`) where the graph is broken, and
 * `expression_invalid` or `duration_invalid` where a text does not compile.
 */
export function compilePlan(document: WorkflowDocument): Plan {
  const subject = subjectOf(document);
  const issues = structuralIssues(subject);
  if (issues.some((issue) => issue.severity === "error")) throw new DefinitionError(document.name, issues);

  const {
    document: normalised,
    graph,
    order: { order },
  } = subject;
  const nodes = compileNodes(normalised, graph, order);
  nodes.push(...compileCompensations(normalised, nodes));
  nodes.push(compileOutput({ document: normalised, graph, order }, nodes.length));
  const indexOf = new Map(nodes.map((node) => [node.id, node.index]));
  return {
    document: normalised,
    nodes,
    indexOf,
    retry: normalised.retry === undefined ? null : parseRetry(normalised.retry),
    timeoutMs: durationMs(normalised.timeout, "workflow timeout"),
    deadlineMs: durationMs(normalised.deadline, "workflow deadline"),
    compensatesOnFailure: normalised.onFailure === "compensate",
    concurrency: compileConcurrency(normalised),
    reads: readsOf(nodes, indexOf),
  };
}

function compileConcurrency({ concurrency }: WorkflowDocument): PlanConcurrency | null {
  if (concurrency === undefined) return null;
  const { key, limit, onLimit = "queue" } = concurrency;
  return { key: key === undefined ? null : compileTemplate(key), limit, onLimit };
}

function compileNodes(document: WorkflowDocument, graph: Graph, order: readonly number[]): PlanNode[] {
  const indexOf = new Int32Array(order.length);
  order.forEach((node, index) => (indexOf[node] = index));
  const edges = new Map<GraphEdge, PlanEdge>();
  for (const edge of graph.edges) {
    edges.set(edge, { from: indexOf[edge.from] as number, to: indexOf[edge.to] as number, on: edge.on });
  }
  const planned = (list: readonly GraphEdge[] | undefined): readonly PlanEdge[] =>
    (list as readonly GraphEdge[]).map((edge) => edges.get(edge) as PlanEdge);
  const places = order.map((node, index) => {
    const id = graph.ids[node] as string;
    const inbound = planned(graph.inbound[node]);
    const outbound = planned(graph.outbound[node]);
    const hasErrorEdge = outbound.some((edge) => edge.on === "error");
    return { index, id, inbound, outbound, hasErrorEdge, ...compileJoin(document.nodes[id]?.join) };
  });
  const races = racesOf(places);
  return places.map((place, index) =>
    compileNode(
      { ...place, race: races[index] as number | null },
      inLane(document.nodes[place.id] as NodeDocument, document.lane),
    ),
  );
}

/** In the workflow's lane, where it names none: what its action says was written into it when the version was stored. */
function inLane(node: NodeDocument, lane: string | undefined): NodeDocument {
  return node.kind === "action" && node.lane === undefined && lane !== undefined ? { ...node, lane } : node;
}

function compileJoin(join: JoinDocument = "settled"): Pick<PlanBase, "join" | "callsOff"> {
  return typeof join === "object"
    ? { join: "first", callsOff: join.cancelOthers === true }
    : { join, callsOff: false };
}

function compileNode(base: PlanBase, source: NodeDocument): PlanNode {
  switch (source.kind) {
    case "trigger":
      return { ...base, kind: "trigger", ...compileTrigger(source) };
    case "action":
      return { ...base, kind: "action", ...compileAction(base.id, source) };
    case "condition":
      return { ...base, kind: "condition", ...compileCondition(source) };
    case "wait": {
      const hasTimeoutEdge = base.outbound.some((edge) => edge.on === "timeout");
      return { ...base, kind: "wait", hasTimeoutEdge, ...compileWait(base.id, source) };
    }
  }
}

function compileTrigger(source: TriggerDocument) {
  return {
    source: source.source ?? { type: "manual" as const },
    input: source.input === undefined ? null : compileTemplate(source.input),
  };
}

function compileAction(id: string, source: ActionDocument) {
  return {
    action: source.action,
    input: compileTemplate(source.input === undefined ? {} : source.input),
    lane: source.lane ?? DEFAULT_LANE,
    timeoutMs: durationMs(source.timeout, `node "${id}" timeout`),
    deadlineMs: durationMs(source.deadline, `node "${id}" deadline`),
    retry: source.retry === undefined ? null : parseRetry(source.retry),
    credentials: source.credentials ?? [],
    key: source.idempotencyKey === undefined ? null : compileTemplate(source.idempotencyKey),
    map: compileMap(source),
    isChild: source.action === RUN_WORKFLOW,
    compensates: null,
  };
}

/** Items of a map that run at once, where its node does not say. */
const DEFAULT_CONCURRENCY = 20;

function compileMap({ forEach, concurrency, onItemError }: ActionDocument): PlanMap | null {
  if (forEach === undefined) return null;
  return {
    list: compileExpression(forEach),
    concurrency: concurrency ?? DEFAULT_CONCURRENCY,
    collect: onItemError === "collect",
  };
}

function compileCompensations(document: WorkflowDocument, nodes: readonly PlanNode[]): readonly PlanAction[] {
  const compensated = nodes.toReversed().flatMap((node) => {
    const source = document.nodes[node.id] as NodeDocument;
    return node.kind === "action" && source.kind === "action" && source.compensate
      ? [{ node, compensate: source.compensate }]
      : [];
  });
  return compensated.map(({ node, compensate }, at) => ({
    ...ALONE,
    ...compileAction(`${node.id} compensate`, { kind: "action", ...compensate }),
    kind: "action",
    index: nodes.length + at,
    id: `${node.id}${COMPENSATION_SUFFIX}`,
    lane: node.lane,
    credentials: node.credentials,
    map: node.map && { list: null, concurrency: node.map.concurrency, collect: false },
    compensates: node.index,
  }));
}

function compileCondition(source: ConditionDocument) {
  return { cases: source.cases.map((one) => ({ outcome: one.outcome, when: compileExpression(one.if) })) };
}

function compileWait(id: string, source: WaitDocument) {
  return { for: compileWaitFor(id, source.for), onTimeout: source.onTimeout ?? ("fail" as const) };
}

function compileWaitFor(id: string, source: WaitFor): PlanWaitFor {
  if ("duration" in source)
    return { type: "duration", ms: parseDuration(source.duration, `node "${id}" duration`) };
  if ("until" in source) return { type: "until", at: compileTemplate(source.until) };
  const timeoutMs = durationMs(source.timeout, `node "${id}" timeout`);
  if ("signal" in source) return { type: "signal", name: source.signal, timeoutMs };
  const match = source.match === undefined ? null : compileExpression(source.match);
  return { type: "event", name: source.event, match, timeoutMs };
}

function durationMs(duration: Duration | undefined, subject: string): number | null {
  return duration === undefined ? null : parseDuration(duration, subject);
}

function compileOutput({ document, graph, order }: Ordered, index: number): PlanOutput {
  return {
    ...ALONE,
    kind: "output",
    index,
    id: OUTPUT_NODE,
    template: compileTemplate(
      document.output === undefined ? outputsOfLastNodes(graph, order) : document.output,
    ),
  };
}

function outputsOfLastNodes(graph: Graph, order: readonly number[]): Json {
  const last = order.filter((node) => (graph.outbound[node] as readonly GraphEdge[]).length === 0);
  return Object.fromEntries(last.map((node) => [graph.ids[node], `{{ nodes.${graph.ids[node]}.output }}`]));
}

function readsOf(nodes: readonly PlanNode[], indexOf: ReadonlyMap<string, number>): Plan["reads"] {
  const references = nodes.flatMap(decidingReferences);
  const read = new Set<number>();
  for (const reference of references) {
    // The status of a node is in the state anyway.
    if (reference.root !== "nodes" || reference.member === "status") continue;
    const index = indexOf.get(reference.node as string);
    if (index !== undefined) read.add(index);
  }
  return {
    input: references.some((reference) => reference.root === "input"),
    trigger: references.some((reference) => reference.root === "trigger"),
    nodes: read,
  };
}

/** What the reducer itself reads; actions and `$output` get their values from the store. */
function decidingReferences(node: PlanNode): readonly Reference[] {
  if (node.kind === "condition") return node.cases.flatMap((one) => one.when.references);
  if (node.kind !== "wait") return [];
  if (node.for.type === "until") return node.for.at.references;
  return node.for.type === "event" ? (node.for.match?.references ?? []) : [];
}
