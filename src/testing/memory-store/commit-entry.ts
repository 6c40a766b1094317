/**
 * One entry of a commit, in two steps: `prepare` makes everything that will be written and throws where something cannot be;
 * `write` puts it in place and cannot fail. So an entry is written as a whole or not at all.
 */
import { FlowForgeError } from "../../core/errors.ts";
import type { CommitEntry, NodeWrite } from "../../core/ports/commit.ts";
import type { AttemptRecord } from "../../core/ports/store.ts";
import type { NodeRecord, RunHeader } from "../../core/ports/stored-run.ts";
import { TERMINAL } from "../../core/run/state.ts";
import { frozenCopy, frozenError, jsonText } from "./json-text.ts";
import { isRunId, nodeKey, type MemoryNode, type MemoryRun, type Tables } from "./tables.ts";

interface PreparedNode extends Pick<MemoryNode, "record" | "input" | "output" | "readyAt" | "held"> {
  readonly key: string;
  readonly write: NodeWrite;
}

export interface PreparedEntry {
  readonly entry: CommitEntry;
  readonly run: MemoryRun;
  readonly header: RunHeader;
  readonly output: string | undefined;
  readonly nodes: readonly PreparedNode[];
  readonly attempts: readonly AttemptRecord[];
  readonly now: number;
}

/** `existing`: the run, or `null` for a start. Throws where the entry cannot be written; nothing is changed then. */
export function prepare(entry: CommitEntry, existing: MemoryRun | null, now: number): PreparedEntry {
  const run = existing ?? newRun(entry, now);
  const header = nextHeader(entry, run.header, now);
  const keys = new Set<string>();
  const nodes = entry.nodes.map((write) => {
    const key = nodeKey(write);
    const before = run.nodes.get(key);
    if (write.isNew === (before !== undefined) || keys.has(key)) throw refused(entry, `node run "${key}"`);
    keys.add(key);
    return { key, write, ...nextNode(write, before, { now, seq: header.seq }) };
  });
  return {
    entry,
    run,
    header,
    output: jsonText(entry.output),
    nodes,
    attempts: entry.attempts.map((write) => attempt(write, run, now)),
    now,
  };
}

export function write(tables: Tables, { entry, run, ...next }: PreparedEntry): void {
  tables.feed.noteRun(entry.start ? undefined : run.header, next.header, next.now);
  run.header = next.header;
  run.output = next.output ?? run.output;
  run.bytes += entry.bytes ?? 0;
  if (entry.endsChild) {
    const ofItem = entry.endsChild === "item";
    tables.childEnds.push({ runId: entry.runId, seq: next.header.seq, ofItem });
  }
  for (const { key, write: row, ...state } of next.nodes) {
    let node = run.nodes.get(key);
    const before = node?.record;
    if (!node) run.nodes.set(key, (node = { run, ...state }));
    tables.place(node, state);
    const { record: after, input } = node;
    tables.deadLetters.note({ run, write: row, before, after, input, now: next.now });
  }
  run.attempts.push(...next.attempts);
  if (entry.listens) run.listens = new Set(entry.listens);
  for (const id of entry.consumed) if (run.inbox.delete(id)) run.used.add(id);
  for (const id of entry.kept) {
    const message = run.inbox.get(id);
    if (message) message.kept = true;
  }
  if (entry.consumed.length + entry.kept.length > 0) tables.noteInbox(run);
  tables.runs.set(run.header.id, run);
}

function newRun(entry: CommitEntry, now: number): MemoryRun {
  const { runId, start } = entry;
  if (!start || !isRunId(runId)) throw refused(entry, "its id, which is no UUID");
  const { workspace, workflow, version, trigger, labels, input, triggerPayload } = start;
  for (const text of [workspace, workflow, trigger]) assertText(text);
  const header: RunHeader = {
    id: runId,
    workspace,
    workflow,
    version,
    trigger,
    labels: frozenCopy(labels),
    rerunOf: start.rerunOf ?? null,
    parent: start.parent ? Object.freeze({ ...start.parent }) : null,
    status: entry.status,
    paused: entry.paused,
    cancelled: entry.cancelled,
    compensate: entry.compensate,
    deadLetters: entry.deadLetters,
    seq: 0,
    createdAt: now,
    startedAt: null,
    finishedAt: null,
  };
  return {
    header,
    input: jsonText(input),
    triggerPayload: jsonText(triggerPayload),
    output: undefined,
    bytes: 0,
    nodes: new Map(),
    inbox: new Map(),
    used: new Set(),
    attempts: [],
    maps: new Map(),
    listens: new Set(),
  };
}

function nextHeader(entry: CommitEntry, before: RunHeader, now: number): RunHeader {
  return Object.freeze({
    ...before,
    version: entry.version ?? before.version,
    status: entry.status,
    paused: entry.paused,
    cancelled: entry.cancelled,
    compensate: entry.compensate,
    deadLetters: entry.deadLetters,
    seq: before.seq + 1,
    startedAt: before.startedAt ?? (entry.status === "queued" ? null : now),
    finishedAt: entry.finished ? (before.finishedAt ?? now) : null,
  });
}

interface Moment {
  readonly now: number;
  readonly seq: number;
}

function nextNode(
  write: NodeWrite,
  before: MemoryNode | undefined,
  moment: Moment,
): Omit<PreparedNode, "key" | "write"> {
  for (const text of [write.node, write.outcome, write.worker]) assertText(text);
  const dueAt = dueTime(write, before?.record, moment.now);
  const { input, output } = write;
  const line = write.status === "ready" ? (write.heldIn ?? null) : null;
  return {
    record: nextRecord({ write, before: before?.record, dueAt }, moment),
    input: jsonText(input),
    output: jsonText(output),
    readyAt: write.status === "ready" && !line ? (dueAt ?? before?.readyAt ?? moment.now) : null,
    held: line && { ...line, at: before?.held?.at ?? moment.now },
  };
}

interface Change {
  readonly write: NodeWrite;
  readonly before: NodeRecord | undefined;
  readonly dueAt: number | null;
}

function nextRecord(change: Change, { now, seq }: Moment): NodeRecord {
  const { write, before, dueAt } = change;
  const { isNew: _, due: _due, input: _input, output: _output, error, ...same } = write;
  const { fingerprint: _fingerprint, resolution: _resolution, heldIn: _heldIn, ...state } = same;
  const { edited = null, deadlineAt = null, putOffMs = 0, keyFence = 0 } = write;
  return Object.freeze({
    ...state,
    edited,
    deadlineAt,
    putOffMs,
    keyFence,
    dueAt,
    dispatchedAt: dispatchTime(change, now),
    startedAt: startTime(change, now),
    finishedAt: TERMINAL.has(write.status)
      ? before?.status === write.status
        ? before.finishedAt
        : now
      : null,
    seq,
    error: error === undefined ? (before?.error ?? null) : error && frozenError(error),
  });
}

function dispatchTime({ write, before }: Change, now: number): number | null {
  if (write.status !== "queued") return null;
  const same =
    before?.status === "queued" && before.fence === write.fence && before.dispatches === write.dispatches;
  return same ? before.dispatchedAt : now;
}

/** A row that is stored with its end for the first time began and ended in this commit; one that was skipped never began. */
function startTime({ write, before }: Change, now: number): number | null {
  if (write.status === "running") {
    return before?.status === "running" && before.fence === write.fence ? before.startedAt : now;
  }
  if (before) return before.startedAt;
  return write.status === "succeeded" || write.status === "failed" ? now : null;
}

function dueTime({ due }: NodeWrite, before: NodeRecord | undefined, now: number): number | null {
  if (due === null) return null;
  if (due === "keep") return before?.dueAt ?? null;
  const at = Math.ceil("inMs" in due ? now + due.inMs : due.at);
  if (Number.isSafeInteger(at)) return at;
  throw new RangeError(`A due time of ${at} is out of range.`);
}

function attempt(write: CommitEntry["attempts"][number], run: MemoryRun, now: number): AttemptRecord {
  const startedAt = run.nodes.get(nodeKey(write))?.record.startedAt ?? null;
  return Object.freeze({ ...write, error: frozenError(write.error), startedAt, finishedAt: now });
}

/** PostgreSQL's `text` cannot hold it; names never have it, and what fails there must fail here. */
export function assertText(text: string | null): void {
  if (text?.includes("\0")) throw new RangeError("A name holds a NUL character.");
}

function refused(entry: CommitEntry, received: string): FlowForgeError {
  return new FlowForgeError("internal", {
    subject: `run "${entry.runId}"`,
    expected: "an entry that fits what is stored",
    received,
    next: "Please report this with the version of FlowForge.",
  });
}
