/** Rows as statements return them, and the records of the port that they become. */
import type { Json } from "../core/json.ts";
import type { ParentRef } from "../core/ports/children.ts";
import type { DispatchRef, NodeRef, QueuedRef } from "../core/ports/store.ts";
import type { EditedInput, NodeRecord, RunHeader } from "../core/ports/stored-run.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import type { FailureState, NodeStatus, RunStatus, WaitReason } from "../core/run/state.ts";

/** Columns of a `RunHeader`, of the table alias `r`. */
export const HEADER_COLUMNS = `r.id, r.workspace, r.workflow, r.version, r.status, r.paused, r.cancelled, r.compensate, r.seq, r.trigger,
  r.dead_letters, r.labels, r.rerun_of, r.parent_run, r.parent, r.created_at, r.started_at, r.finished_at`;

export interface HeaderRow {
  readonly id: string;
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
  readonly status: RunStatus;
  readonly paused: boolean;
  readonly cancelled: boolean;
  readonly compensate: boolean;
  readonly seq: number;
  readonly trigger: string;
  readonly dead_letters: number;
  readonly labels: string;
  readonly rerun_of: string | null;
  readonly parent_run: string | null;
  /** JSON, as `parentText` writes it. */
  readonly parent: string | null;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
}

export function runHeader(row: HeaderRow): RunHeader {
  return {
    id: row.id,
    workspace: row.workspace,
    workflow: row.workflow,
    version: row.version,
    status: row.status,
    paused: row.paused,
    cancelled: row.cancelled,
    compensate: row.compensate,
    seq: row.seq,
    trigger: row.trigger,
    deadLetters: row.dead_letters,
    labels: parseJson(row.labels) as { readonly [name: string]: string },
    rerunOf: row.rerun_of,
    parent: parentRef(row),
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

/** All of it but the id of the run, which has a column of its own. */
export function parentText(parent: ParentRef): string {
  const { runId: _, ...rest } = parent;
  return JSON.stringify(rest);
}

export function parentRef({
  parent_run: runId,
  parent,
}: Pick<HeaderRow, "parent_run" | "parent">): ParentRef | null {
  return runId === null ? null : { runId, ...(JSON.parse(parent!) as Omit<ParentRef, "runId">) };
}

/** A node run as a JSON array, of the table alias `n`: `json_agg` over arrays carries no names. */
export const NODE_ARRAY = `json_build_array(n.node, n.item, n.status, n.outcome, n.attempt, n.fence, n.losses, n.generation,
  n.dispatches, n.worker, n.waiting_for, n.failure, n.possibly_duplicated, n.due_at, n.dispatched_at, n.started_at,
  n.finished_at, n.seq, n.error, n.edited, n.deadline_at, coalesce(n.put_off_ms, 0), coalesce(n.key_fence, 0))`;

export type NodeArray = readonly [
  node: string,
  item: number,
  status: NodeStatus,
  outcome: string | null,
  attempt: number,
  fence: number,
  losses: number,
  generation: number,
  dispatches: number,
  worker: string | null,
  waitingFor: WaitReason | null,
  failure: FailureState | null,
  possiblyDuplicated: boolean,
  dueAt: number | null,
  dispatchedAt: number | null,
  startedAt: number | null,
  finishedAt: number | null,
  seq: number,
  error: ErrorRecord | null,
  edited: EditedInput | null,
  deadlineAt: number | null,
  putOffMs: number,
  keyFence: number,
];

export function nodeRecord(row: NodeArray): NodeRecord {
  return {
    node: row[0],
    item: row[1],
    status: row[2],
    outcome: row[3],
    attempt: row[4],
    fence: row[5],
    losses: row[6],
    generation: row[7],
    dispatches: row[8],
    worker: row[9],
    waitingFor: row[10],
    failure: row[11],
    possiblyDuplicated: row[12],
    dueAt: row[13],
    dispatchedAt: row[14],
    startedAt: row[15],
    finishedAt: row[16],
    seq: row[17],
    error: row[18],
    edited: row[19],
    deadlineAt: row[20],
    putOffMs: row[21],
    keyFence: row[22],
  };
}

export interface RefRow {
  readonly run_id: string;
  readonly node: string;
  readonly item: number;
  readonly fence: number;
}

export function nodeRef(row: RefRow): NodeRef {
  return { runId: row.run_id, node: row.node, item: row.item, fence: row.fence };
}

export interface DispatchRow extends RefRow {
  readonly dispatches: number;
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
}

export function dispatchRef(row: DispatchRow): DispatchRef {
  return {
    ...nodeRef(row),
    dispatches: row.dispatches,
    workspace: row.workspace,
    workflow: row.workflow,
    version: row.version,
  };
}

export interface QueuedRow extends DispatchRow {
  readonly dispatched_at: number;
}

export function queuedRef(row: QueuedRow): QueuedRef {
  return { ...dispatchRef(row), dispatchedAt: row.dispatched_at };
}

/** JSON comes from the driver as text. */
export function parseJson(text: string): Json {
  return JSON.parse(text) as Json;
}

export function parseOptional(text: string | null): Json | undefined {
  return text === null ? undefined : parseJson(text);
}
