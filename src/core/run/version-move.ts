/**
 * A run at rest that goes on with another version of its workflow: what of it is kept, what is new, and why it may be unsafe.
 *
 * What has ended is never run again and its result is kept, so the other version must know it as the same thing, in the same place:
 * the same kind and action, every edge that was taken, and nothing left to do before it. Everything else may differ.
 */
import { valueProblems } from "../definition/json-schema-check.ts";
import { canonicalJson } from "../definition/normalise.ts";
import { isCompensation, type Plan, type PlanNode } from "../graph/plan.ts";
import type { Json } from "../json.ts";
import { isTaken } from "./edges.ts";
import { begins, foresee } from "./foresight.ts";
import { moveRun } from "./move-run.ts";
import { isUnresolved, type NodeState, type RunState } from "./state.ts";

/**
 * Why a run cannot go on with the other version.
 *
 * `run_cancelled`, `run_compensating`: nothing of the run is run again. `run_paused`: it is not at rest. `input_invalid`: the run's input does not fit the schema of the
 * other version. `node_active`: the node is about to run, runs or waits.
 * `items_open`: items of its map are dead letters. `node_removed`: the node has ended or is a dead letter, and the other version does
 * not have it. `node_changed`: it is another kind of thing there. `key_changed`: the dead letter holds an idempotency key that the other
 * version makes otherwise. `edge_removed`: an edge that was taken is not there. `order_changed`: the node has begun, and there it could
 * not have yet.
 */
export type MoveRefusalCode =
  | "run_cancelled"
  | "run_compensating"
  | "run_paused"
  | "input_invalid"
  | "node_active"
  | "items_open"
  | "node_removed"
  | "node_changed"
  | "key_changed"
  | "edge_removed"
  | "order_changed";

export interface MoveRefusal {
  readonly code: MoveRefusalCode;
  /** `null`: the run as a whole. */
  readonly node: string | null;
  /** One sentence for people. */
  readonly message: string;
}

/**
 * What becomes of a node. `reused`: it has ended, and its result is kept. `failed`: it is a dead letter, and will be run by the other
 * version. `open`: it has not begun, or was skipped; the other version decides about it. `added` and `removed`: only the other version
 * has it, or only the present one.
 */
export type NodeFate = "reused" | "failed" | "open" | "added" | "removed";

export interface NodeMove {
  readonly node: string;
  readonly fate: NodeFate;
  /** Parts of its definition that differ, by their names in the document, and `edges` where others lead to it. */
  readonly changed: readonly string[];
}

export interface VersionMove {
  /** Those of the other version in its order, then those that it does not have. Triggers are left out. */
  readonly nodes: readonly NodeMove[];
  /** Empty: the run can go on with the other version. */
  readonly refusals: readonly MoveRefusal[];
}

interface Move {
  readonly from: Plan;
  readonly to: Plan;
  readonly state: RunState;
}

/** What it would mean for a run of the plan `from` to go on with the plan `to`. Changes nothing. */
export function versionMove(from: Plan, to: Plan, state: RunState): VersionMove {
  const move = { from, to, state };
  return { nodes: nodesOf(move), refusals: [...refusalsOfRun(move), ...refusalsOfNodes(move)] };
}

// ---------------------------------------------------------------- the difference

function nodesOf({ from, to, state }: Move): readonly NodeMove[] {
  const kept = to.nodes.filter(isShown).map((node): NodeMove => {
    const index = from.indexOf.get(node.id);
    if (index === undefined) return { node: node.id, fate: "added", changed: [] };
    return { node: node.id, fate: fateOf(state.nodes[index]!), changed: differences(from, to, node.id) };
  });
  const gone = from.nodes.filter((node) => isShown(node) && !to.indexOf.has(node.id));
  return [...kept, ...gone.map(({ id }): NodeMove => ({ node: id, fate: "removed", changed: [] }))];
}

function isShown(node: PlanNode): boolean {
  return node.kind !== "trigger" && !isCompensation(node);
}

function fateOf(node: NodeState): NodeFate {
  if (isUnresolved(node)) return "failed";
  return hasEnded(node) ? "reused" : "open";
}

/** It has a result, or ended without one and for good. A node that was skipped did nothing. */
function hasEnded(node: NodeState): boolean {
  return (
    node.status === "succeeded" ||
    node.status === "cancelled" ||
    (node.status === "failed" && !isUnresolved(node))
  );
}

const IGNORED: ReadonlySet<string> = new Set(["description"]);

/** Names of the parts in which the two versions of the node differ. */
export function differences(from: Plan, to: Plan, id: string): readonly string[] {
  const before = partsOf(from, id);
  const after = partsOf(to, id);
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.filter((name) => !IGNORED.has(name) && textOf(before[name]) !== textOf(after[name]));
}

function partsOf({ document, nodes, indexOf }: Plan, id: string): Readonly<Record<string, unknown>> {
  const edges = nodes[indexOf.get(id)!]!.inbound.map(({ from, on }) =>
    canonicalJson([nodes[from]!.id, on]),
  ).sort();
  const node = document.nodes[id];
  return node ? { ...node, edges } : { output: document.output };
}

function textOf(part: unknown): string {
  return part === undefined ? "" : canonicalJson(part as Json);
}

// ---------------------------------------------------------------- what is unsafe

function refusalsOfRun({ from, to, state }: Move): readonly MoveRefusal[] {
  if (state.compensate) return [ofRun("run_compensating", "What the run did is undone, or was.")];
  if (state.cancelled) return [ofRun("run_cancelled", "The run was cancelled.")];
  if (state.paused) return [ofRun("run_paused", "The run is paused; resume it first.")];
  const { input: schema } = to.document;
  if (!schema || textOf(schema) === textOf(from.document.input)) return [];
  return valueProblems(schema, state.values.input)
    .slice(0, 10)
    .map(({ path, message }) =>
      ofRun("input_invalid", `The run's input at ${path.join(".") || "(whole input)"}: ${message}`),
    );
}

function ofRun(code: MoveRefusalCode, message: string): MoveRefusal {
  return { code, node: null, message };
}

function refusalsOfNodes(move: Move): readonly MoveRefusal[] {
  const { from, to, state } = move;
  const found = from.nodes.flatMap((node) => refusalsOf(move, node));
  if (found.length > 0) return found;
  const moved = moveRun(from, to, state);
  const foreseen = foresee(to, moved.nodes);
  return to.nodes.flatMap((node) =>
    hasBegun(node, moved.nodes[node.index]!) && !begins(node, foreseen)
      ? [refusal("order_changed", node, "has begun, and in the other version it could not have yet")]
      : [],
  );
}

function hasBegun({ kind }: PlanNode, { status }: NodeState): boolean {
  return kind !== "trigger" && (status === "succeeded" || status === "failed");
}

const ACTIVE: ReadonlySet<string> = new Set(["ready", "queued", "running", "waiting"]);

/** Of a node of the present version. */
function refusalsOf(move: Move, node: PlanNode): readonly MoveRefusal[] {
  const state = move.state.nodes[node.index]!;
  const { status, failure } = state;
  if (ACTIVE.has(status)) return [refusal("node_active", node, `is ${status}; let it come to its end first`)];
  if (failure === "items")
    return [refusal("items_open", node, "has items that are dead letters; resolve them first")];
  if (status !== "succeeded" && status !== "failed") return [];
  const index = move.to.indexOf.get(node.id);
  if (index === undefined)
    return [refusal("node_removed", node, `has ${status}, and the other version does not have it`)];
  const other = move.to.nodes[index]!;
  const problem = isUnresolved(state) ? letterProblem(move, node, other) : resultProblem(state, node, other);
  return problem ? [problem] : lostEdges(move, node, state);
}

/** The result must mean the same to whoever reads it. What was discarded has none. */
function resultProblem({ outcome }: NodeState, node: PlanNode, other: PlanNode): MoveRefusal | null {
  const what = outcome === null ? null : otherThing(node, other);
  return what === null ? null : refusal("node_changed", node, `has ended, and in the other version ${what}`);
}

function otherThing(node: PlanNode, other: PlanNode): string | null {
  if (node.kind !== other.kind) return `it is of kind ${other.kind}`;
  if (node.kind === "trigger" && other.kind === "trigger")
    return node.source.type === other.source.type ? null : `its source is ${other.source.type}`;
  if (node.kind !== "action" || other.kind !== "action") return null;
  if (node.action !== other.action) return `its action is ${other.action}`;
  if ((node.map === null) !== (other.map === null))
    return other.map ? "it runs once per item" : "it runs only once";
  return node.map?.collect === other.map?.collect ? null : "its output has another form";
}

/** A node that failed may be anything of its kind, but a key that it holds would never be settled. */
function letterProblem({ from, to }: Move, node: PlanNode, other: PlanNode): MoveRefusal | null {
  if (node.kind !== other.kind)
    return refusal("node_changed", node, `has failed, and in the other version it is of kind ${other.kind}`);
  if (node.kind !== "action" || node.key === null) return null;
  const differ = differences(from, to, node.id);
  if (!differ.includes("idempotencyKey") && !differ.includes("action")) return null;
  return refusal("key_changed", node, "holds an idempotency key, which the other version makes otherwise");
}

function lostEdges({ from, to }: Move, node: PlanNode, { outcome }: NodeState): readonly MoveRefusal[] {
  const { outbound } = to.nodes[to.indexOf.get(node.id)!]!;
  return node.outbound
    .filter((edge) => isTaken(edge, outcome))
    .map((edge) => ({ on: edge.on, target: from.nodes[edge.to]!.id }))
    .filter(({ on, target }) => !outbound.some((edge) => edge.on === on && to.nodes[edge.to]!.id === target))
    .map(({ target }) =>
      refusal(
        "edge_removed",
        node,
        `was left by its edge to "${target}", which the other version does not have`,
      ),
    );
}

function refusal(code: MoveRefusalCode, { id }: PlanNode, problem: string): MoveRefusal {
  return { code, node: id, message: `Node "${id}" ${problem}.` };
}
