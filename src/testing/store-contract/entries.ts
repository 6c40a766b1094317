/** Entries to commit, with everything that a rule does not care about filled in. */
import { randomUUID } from "node:crypto";
import type { InboxMessage, MessageBody } from "../../core/ports/message.ts";
import type { AttemptWrite, CommitEntry, NewRun, NodeWrite } from "../../core/ports/commit.ts";
import type { Store, WorkerInfo } from "../../core/ports/store.ts";
import type { NodeRecord, StoredRun } from "../../core/ports/stored-run.ts";

export const WORKSPACE = "acme";

export function newId(): string {
  return randomUUID();
}

export function newRun(changes: Partial<NewRun> = {}): NewRun {
  return {
    workspace: WORKSPACE,
    workflow: "checkout",
    version: 1,
    trigger: "start",
    input: { order: 17 },
    triggerPayload: { order: 17 },
    labels: {},
    ...changes,
  };
}

/** The next state of a run that was at `seq`. */
export function move(runId: string, seq: number, changes: Partial<CommitEntry> = {}): CommitEntry {
  return {
    runId,
    seq,
    status: "running",
    paused: false,
    cancelled: false,
    compensate: false,
    deadLetters: 0,
    finished: false,
    nodes: [],
    attempts: [],
    consumed: [],
    kept: [],
    ...changes,
  };
}

export function start(runId: string, changes: Partial<CommitEntry> = {}): CommitEntry {
  return move(runId, 0, { start: newRun(), ...changes });
}

/** A row that is new and `ready`, unless `changes` say more. */
export function row(node: string, changes: Partial<NodeWrite> = {}): NodeWrite {
  return {
    node,
    item: -1,
    isNew: true,
    status: "ready",
    outcome: null,
    attempt: 0,
    fence: 0,
    losses: 0,
    generation: 0,
    dispatches: 0,
    worker: null,
    waitingFor: null,
    failure: null,
    possiblyDuplicated: false,
    due: null,
    ...changes,
  };
}

/** The next state of a row that exists. */
export function change(node: string, changes: Partial<NodeWrite>): NodeWrite {
  return row(node, { isNew: false, ...changes });
}

export function running(node: string, worker: string, changes: Partial<NodeWrite> = {}): NodeWrite {
  return row(node, { status: "running", worker, fence: 1, attempt: 1, ...changes });
}

export function waiting(node: string, due: NodeWrite["due"], changes: Partial<NodeWrite> = {}): NodeWrite {
  return row(node, { status: "waiting", waitingFor: "timer", fence: 1, due, ...changes });
}

export function attempt(node: string, changes: Partial<AttemptWrite> = {}): AttemptWrite {
  return { node, item: -1, fence: 1, attempt: 1, error: { class: "http", message: "502" }, ...changes };
}

export function message(runId: string, id: string, body: MessageBody = { kind: "pause" }): InboxMessage {
  return { runId, id, body };
}

export function worker(changes: Partial<WorkerInfo> = {}): WorkerInfo {
  return { id: newId(), host: "host", pid: 1, lanes: ["default"], concurrency: 10, ...changes };
}

/** Stores a run and returns its id. */
export async function stored(store: Store, changes: Partial<CommitEntry> = {}): Promise<string> {
  const id = newId();
  await moved(store, start(id, changes));
  return id;
}

/** Commits one entry that must succeed, and returns the run's `seq` after it. */
export async function moved(store: Store, entry: CommitEntry): Promise<number> {
  const [verdict] = await store.commit([entry]);
  if (verdict?.type !== "committed") {
    const cause = verdict?.type === "failed" ? verdict.error : undefined;
    throw new Error(`Expected a commit to succeed, and got "${verdict?.type}".`, { cause });
  }
  return verdict.seq;
}

export async function loaded(store: Store, runId: string): Promise<StoredRun> {
  const [run] = await store.load([{ runId }]);
  if (!run) throw new Error(`Run ${runId} is not there.`);
  return run;
}

export async function seqOf(store: Store, runId: string): Promise<number> {
  return (await loaded(store, runId)).header.seq;
}

export async function rowOf(store: Store, runId: string, node: string): Promise<NodeRecord> {
  const found = (await loaded(store, runId)).nodes.find((record) => record.node === node);
  if (!found) throw new Error(`Run ${runId} has no row of "${node}".`);
  return found;
}

/** Commits the next state of one row of a run, wherever the run stands. */
export async function setRow(store: Store, runId: string, write: NodeWrite): Promise<NodeRecord> {
  await moved(store, move(runId, await seqOf(store, runId), { nodes: [write] }));
  return rowOf(store, runId, write.node);
}
