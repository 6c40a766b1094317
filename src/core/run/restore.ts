/**
 * Makes a state from nothing or from what the store kept. Only what cannot be derived is stored: triggers follow from the one
 * that fired (unless it fires later, and so has a row), `$output` from the run's status (unless it failed once, and so has a row
 * that says more; while the run has a deadline it has one that says when), counters from the nodes.
 */
import { isCompensation, type Plan, type PlanNode } from "../graph/plan.ts";
import type { Json } from "../json.ts";
import { isSettled, isTaken } from "./edges.ts";
import {
  isUnresolved,
  type NodeState,
  type NodeStatus,
  type RunCounts,
  type RunState,
  type RunValues,
} from "./state.ts";

/** The `item` of a row that is the node run itself. */
const NO_ITEM = -1;

/** A node run as the store keeps it. Rows with another `item` than -1, and of nodes that the plan does not have, are ignored. */
export interface StoredNode extends Omit<NodeState, "open" | "taken"> {
  readonly node: string;
  readonly item?: number;
}

export interface StoredState extends Pick<
  RunState,
  "status" | "paused" | "cancelled" | "compensate" | "trigger" | "values" | "kept"
> {
  /** A node without a row is `pending`. */
  readonly nodes: readonly StoredNode[];
}

const PENDING: NodeState = {
  status: "pending",
  outcome: null,
  fence: 0,
  attempt: 0,
  losses: 0,
  generation: 0,
  dispatches: 0,
  worker: null,
  waitingFor: null,
  dueAt: null,
  failure: null,
  deadlineAt: null,
  putOffMs: 0,
  keyFence: 0,
  open: 0,
  taken: 0,
};

/** A run before `started`. */
export function newRun(plan: Plan, values: RunValues): RunState {
  const nodes = plan.nodes.map((node) => ({ ...PENDING, open: node.inbound.length }));
  const header = {
    status: "queued",
    paused: false,
    cancelled: false,
    compensate: false,
    trigger: null,
  } as const;
  return { ...header, nodes, values, kept: [], counts: countsOf(nodes) };
}

export function restoreRun(plan: Plan, stored: StoredState): RunState {
  return build(plan, stored, rowsOf(plan, stored.nodes));
}

/**
 * The state after an incremental reload: `newer.nodes` are the rows that changed since, everything else of `newer` is the
 * run's present. Values that are already known need not come again.
 */
export function patchRun(plan: Plan, state: RunState, newer: StoredState): RunState {
  const rows = rowsOf(plan, newer.nodes);
  for (const [index, node] of state.nodes.entries()) {
    if (!rows.has(index) && hasRow(plan.nodes[index]!, node)) rows.set(index, node);
  }
  const outputs = new Map([...state.values.outputs, ...newer.values.outputs]);
  const errors = new Map([...state.values.errors, ...newer.values.errors]);
  return build(plan, { ...newer, values: { ...newer.values, outputs, errors } }, rows);
}

type Stored = Omit<NodeState, "open" | "taken">;

function build(plan: Plan, stored: StoredState, rows: ReadonlyMap<number, Stored>): RunState {
  const { status, paused, cancelled, compensate, trigger, kept } = stored;
  const nodes: NodeState[] = plan.nodes.map((node) => {
    const row = rows.get(node.index);
    if (node.kind === "trigger" && !row) return { ...PENDING, ...triggerState(node.index, trigger) };
    return row ? { ...pick(row), open: 0, taken: 0 } : PENDING;
  });
  deriveOutput(plan, nodes, { stored, rows });
  deriveEdges(plan, nodes);
  const values = {
    ...stored.values,
    outputs: keep(stored.values.outputs, nodes, "succeeded"),
    errors: keep(stored.values.errors, nodes, "failed"),
  };
  return { status, paused, cancelled, compensate, trigger, nodes, values, kept, counts: countsOf(nodes) };
}

function rowsOf(plan: Plan, rows: readonly StoredNode[]): Map<number, Stored> {
  const found = new Map<number, Stored>();
  for (const row of rows) {
    const index = plan.indexOf.get(row.node);
    if (index !== undefined && (row.item ?? NO_ITEM) === NO_ITEM) found.set(index, row);
  }
  return found;
}

/**
 * `$output` has a row once it failed, which raised its fence: from then on it says more than the run's status. What is known of
 * a trigger stays true until its row says more.
 */
function hasRow({ kind }: PlanNode, { fence, status, deadlineAt }: NodeState): boolean {
  if (kind === "trigger") return status !== "pending";
  return kind !== "output" || fence > 0 || deadlineAt !== null;
}

function triggerState(index: number, fired: number | null): Partial<NodeState> {
  if (fired === null) return {};
  return index === fired ? { status: "succeeded", outcome: "fired" } : { status: "skipped" };
}

function deriveOutput(
  plan: Plan,
  nodes: NodeState[],
  { stored, rows }: { stored: StoredState; rows: ReadonlyMap<number, Stored> },
): void {
  const output = plan.nodes.length - 1;
  const row = rows.get(output);
  if (row && row.fence > 0) return;
  if (stored.status === "succeeded") nodes[output] = { ...PENDING, status: "succeeded", outcome: "success" };
  else if (stored.cancelled || stored.compensate) nodes[output] = { ...PENDING, status: "cancelled" };
  else if (stored.trigger !== null && !stored.paused && isDone(plan, nodes)) {
    // Everything else is done: the output was asked for, and nobody has said yet what it is.
    nodes[output] = { ...nodes[output]!, status: "running" };
  }
}

/** Every node that takes part in the run, compensations and `$output` left out, is settled. */
function isDone(plan: Plan, nodes: readonly NodeState[]): boolean {
  return plan.nodes.every(
    (node) => node.kind === "output" || isCompensation(node) || isSettled(nodes[node.index]!),
  );
}

function deriveEdges(plan: Plan, nodes: NodeState[]): void {
  for (const { index, inbound } of plan.nodes) {
    let open = 0;
    let taken = 0;
    for (const edge of inbound) {
      const from = nodes[edge.from]!;
      if (!isSettled(from)) open++;
      else if (isTaken(edge, from.outcome)) taken++;
    }
    nodes[index] = { ...nodes[index]!, open, taken };
  }
}

function countsOf(nodes: readonly NodeState[]): RunCounts {
  const count = (...statuses: readonly NodeStatus[]): number =>
    nodes.filter((node) => statuses.includes(node.status)).length;
  return {
    startable: count("ready", "queued"),
    running: count("running"),
    waiting: count("waiting"),
    deadLetters: nodes.filter(isUnresolved).length,
    begun: nodes.some((node) => node.fence > 0),
  };
}

/** An output says something only of a node that succeeded, an error only of one that failed. */
function keep(
  values: ReadonlyMap<number, Json>,
  nodes: readonly NodeState[],
  status: NodeStatus,
): ReadonlyMap<number, Json> {
  return new Map([...values].filter(([index]) => nodes[index]?.status === status));
}

function pick(row: Stored): Stored {
  const {
    status,
    outcome,
    fence,
    attempt,
    losses,
    generation,
    dispatches,
    worker,
    waitingFor,
    dueAt,
    failure,
    deadlineAt,
    putOffMs,
    keyFence,
  } = row;
  return {
    status,
    outcome,
    fence,
    attempt,
    losses,
    generation,
    dispatches,
    worker,
    waitingFor,
    dueAt,
    failure,
    deadlineAt,
    putOffMs,
    keyFence,
  };
}
