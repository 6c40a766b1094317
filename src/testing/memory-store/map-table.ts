/** Maps and their items. An item is a node run like any other, in the table of its run. */
import type { Json } from "../../core/json.ts";
import {
  type ClaimedItem,
  type ClaimedItems,
  type ClaimItems,
  type FinishedItems,
  type IdleMap,
  isComplete,
  type ItemResult,
  type ItemWrite,
  type MapRef,
  type MapState,
  type MapWrite,
} from "../../core/ports/maps.ts";
import type { AttemptWrite } from "../../core/ports/commit.ts";
import type { NodeRecord } from "../../core/ports/stored-run.ts";
import type { ErrorRecord } from "../../core/run/event.ts";
import { TERMINAL } from "../../core/run/state.ts";
import { frozenError, jsonText, parsed } from "./json-text.ts";
import { withChildren } from "./item-children.ts";
import { claimed, itemsOf } from "./map-items.ts";
import { nodeKey, runBytes, type MemoryMap, type MemoryNode, type MemoryRun, type Tables } from "./tables.ts";

const NEW: Omit<NodeRecord, "node" | "item" | "worker" | "startedAt"> = {
  status: "running",
  outcome: null,
  attempt: 1,
  fence: 1,
  losses: 0,
  generation: 0,
  dispatches: 0,
  waitingFor: null,
  failure: null,
  possiblyDuplicated: false,
  edited: null,
  deadlineAt: null,
  putOffMs: 0,
  keyFence: 0,
  dueAt: null,
  dispatchedAt: null,
  finishedAt: null,
  seq: 0,
  error: null,
};

const FIRST = { after: -1, limit: 1 };

export class MapTable {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  claim({ runId, node, worker, limit }: ClaimItems, now: number): ClaimedItems {
    const found = this.#find({ runId, node });
    if (!found?.map.live) return { map: null, items: [], runBytes: 0 };
    const { run, map } = found;
    const room = isShut(run, map) ? 0 : Math.max(0, Math.min(limit, map.concurrency - map.running));
    const again = map.waiting > 0 ? this.#due(run, node, now).slice(0, room) : [];
    for (const row of again) {
      const { fence, attempt } = row.record;
      this.#place(row, {
        status: "running",
        worker,
        fence: fence + 1,
        attempt: attempt + 1,
        dueAt: null,
        startedAt: now,
      });
    }
    const fresh: MemoryNode[] = [];
    for (; fresh.length < room - again.length && map.next < map.total; map.next++)
      fresh.push(this.#new(run, { node, item: map.next, worker, now }));
    map.running += again.length + fresh.length;
    map.waiting -= again.length;
    if (again.length + fresh.length > 0) map.touchedAt = now;
    return { map: stateOf(map), items: [...again, ...fresh].map(claimed), runBytes: runBytes(run) };
  }

  finish(ref: MapRef, results: readonly ItemResult[], now: number): FinishedItems {
    const found = this.#find(ref);
    if (!found) return { map: null, taken: [], runBytes: 0 };
    const { run, map } = found;
    // Everything is made before anything is written: a value that cannot be stored refuses all of it.
    const written = results.flatMap((result) => {
      const row = run.nodes.get(nodeKey({ ...ref, item: result.item }));
      const runs = row?.record.status === "running" && row.record.fence === result.ranUnder;
      const values = { input: jsonText(result.input), output: jsonText(result.output) };
      return runs ? [{ result, row, values }] : [];
    });
    for (const { result, row, values } of written) this.#finishOne({ run, map, row, result, values }, now);
    if (written.length > 0) map.touchedAt = now;
    const taken = written.map(({ result }) => result.item);
    return { map: map.live && taken.length > 0 ? stateOf(map) : null, taken, runBytes: runBytes(run) };
  }

  states(ref: MapRef, refs: readonly { item: number; fence: number }[]): readonly ClaimedItem[] {
    const run = this.#tables.runs.get(ref.runId);
    return refs.flatMap(({ item, fence }) => {
      const row = run?.nodes.get(nodeKey({ node: ref.node, item }));
      return row?.record.status === "running" && row.record.fence === fence ? [claimed(row)] : [];
    });
  }

  outputs(ref: MapRef, items: readonly number[]): ReadonlyMap<number, Json> {
    const run = this.#tables.runs.get(ref.runId);
    const wanted = itemsOf(run, ref.node).filter(
      ({ record: { item, status } }) => status === "succeeded" && items.includes(item),
    );
    return new Map(wanted.map(({ record: { item }, output }) => [item, parsed(output) ?? null]));
  }

  failed(ref: MapRef, limit: number): readonly { item: number; error: ErrorRecord }[] {
    const run = this.#tables.runs.get(ref.runId);
    return itemsOf(run, ref.node)
      .filter(({ record }) => record.status === "failed")
      .slice(0, limit)
      .map(({ record }) => ({ item: record.item, error: record.error! }));
  }

  idle({ quietMs, limit }: { readonly quietMs: number; readonly limit: number }, now: number): IdleMap[] {
    const idle: IdleMap[] = [];
    for (const run of this.#tables.runs.values()) {
      for (const [node, map] of run.maps) {
        if (!map.live || !this.#isIdle(run, { node, map, quietSince: now - quietMs, now })) continue;
        const { id: runId, workspace, workflow, version } = run.header;
        idle.push({ runId, node, workspace, workflow, version, ...stateOf(map) });
      }
    }
    return idle.slice(0, limit);
  }

  #isIdle(run: MemoryRun, at: { node: string; map: MemoryMap; quietSince: number; now: number }): boolean {
    const { node, map, quietSince, now } = at;
    if (isComplete(map)) return true;
    const isQuiet = map.touchedAt <= quietSince;
    if (map.closed && isQuiet && withChildren(run, node, FIRST).length > 0) return true;
    if (isShut(run, map) || map.running >= map.concurrency) return false;
    return (map.next < map.total && isQuiet) || this.#due(run, node, now).length > 0;
  }

  /** Part of a commit that has been prepared: it cannot fail. */
  write(run: MemoryRun, writes: readonly MapWrite[], now: number): void {
    for (const write of writes) {
      const { type, node } = write;
      const map = run.maps.get(node);
      if (type === "start" && !map) run.maps.set(node, newMap(write, now));
      else if (type === "undo" && !map) this.#undo(run, write, now);
      else if (type === "start" || type === "undo" || type === "resume") this.#resume(run, write, now);
      else if (type === "compensated") this.#compensate(run, node, now);
      else if (type === "end") this.#end(run, node, now);
      else if (map)
        Object.assign(map, { fence: write.fence, live: true, closed: map.closed || type === "close" });
    }
  }

  /** Also part of a commit. */
  resolve(run: MemoryRun, { node, item, fence, change, resolution }: ItemWrite, now: number): void {
    const row = run.nodes.get(nodeKey({ node, item }));
    const map = run.maps.get(node);
    if (!row || !map || row.record.failure !== "open" || row.record.fence !== fence) return;
    const before = row.record;
    map.open--;
    if (change.type === "redrive") map.waiting++;
    else map.done++;
    this.#place(
      row,
      changesBy(change, before, now),
      "output" in change ? jsonText(change.output) : undefined,
    );
    if ("input" in change) row.input = jsonText(change.input);
    this.#tables.deadLetters.note({
      run,
      write: { resolution },
      before,
      after: row.record,
      input: row.input,
      now,
    });
  }

  #finishOne(at: Finishing, now: number): void {
    const { run, map, row, result, values } = at;
    const before = row.record;
    const { attemptError, error } = result;
    if (attemptError) {
      const { node, item, fence, attempt, startedAt } = before;
      const write: AttemptWrite = { node, item, fence, attempt, error: frozenError(attemptError) };
      run.attempts.push(Object.freeze({ ...write, startedAt, finishedAt: now }));
    }
    row.input = values.input ?? row.input;
    map.bytes += result.bytes ?? 0;
    const { status, fence, attempt, losses, putOffMs, failure } = result;
    const isWaiting = status === "waiting";
    const hasChild = status === "child";
    this.#place(
      row,
      {
        status: hasChild ? "running" : status,
        waitingFor: hasChild ? "child" : null,
        fence,
        attempt,
        losses,
        putOffMs,
        failure,
        outcome: status === "succeeded" ? "success" : status === "failed" ? "error" : null,
        possiblyDuplicated: before.possiblyDuplicated || result.possiblyDuplicated,
        worker: isWaiting || hasChild ? null : before.worker,
        dueAt: isWaiting ? now + Math.ceil(result.delayMs) : null,
        startedAt: status === "running" ? now : before.startedAt,
        finishedAt: !hasChild && TERMINAL.has(status) ? now : null,
        error: error === undefined ? before.error : frozenError(error),
      },
      values.output,
    );
    if (status === "running" || hasChild) return;
    map.running--;
    if (isWaiting) map.waiting++;
    else if (status === "succeeded") map.done++;
    else if (failure === "open") map.open++;
    else map.failed++;
    // The letter is known by the fence under which the item ran, which is the one it keeps.
    const write = result.fingerprint === undefined ? {} : { fingerprint: result.fingerprint };
    this.#tables.deadLetters.note({ run, write, before, after: row.record, input: row.input, now });
  }

  #end(run: MemoryRun, node: string, now: number): void {
    const map = run.maps.get(node);
    if (map) map.live = false;
    for (const row of itemsOf(run, node)) {
      if (row.record.status === "waiting")
        this.#place(row, { status: "cancelled", dueAt: null, finishedAt: now });
    }
  }

  #undo(run: MemoryRun, write: Extract<MapWrite, { type: "undo" }>, now: number): void {
    const { node, undoes } = write;
    const done = itemsOf(run, undoes).filter(({ record }) => record.status === "succeeded");
    for (const { record } of done) {
      const row = this.#new(run, { node, item: record.item, worker: null, now });
      this.#place(row, { status: "waiting", attempt: 0, fence: 0, dueAt: now, startedAt: null });
    }
    const total = done.length;
    const map = newMap({ ...write, type: "start", total, collect: false }, now);
    run.maps.set(node, { ...map, next: total, waiting: total, undoes });
  }

  /** Items that were left are counted as waiting all the while. */
  #resume(run: MemoryRun, { node, fence }: { node: string; fence: number }, now: number): void {
    const map = run.maps.get(node);
    if (map) Object.assign(map, { fence, closed: false, live: true, touchedAt: now });
    for (const row of itemsOf(run, node)) {
      if (row.record.status !== "cancelled") continue;
      const again = { status: "waiting", attempt: 0, dueAt: now, finishedAt: null } as const;
      this.#place(row, { ...again, fence: row.record.fence + 1 });
    }
  }

  #compensate(run: MemoryRun, node: string, now: number): void {
    for (const row of itemsOf(run, node)) {
      const before = row.record;
      if (before.failure !== "open") continue;
      this.#place(row, { failure: "compensated" });
      const after = row.record;
      this.#tables.deadLetters.note({ run, write: {}, before, after, input: row.input, now });
    }
  }

  #find({ runId, node }: MapRef): { run: MemoryRun; map: MemoryMap } | null {
    const run = this.#tables.runs.get(runId);
    const map = run?.maps.get(node);
    return run && map ? { run, map } : null;
  }

  #due(run: MemoryRun, node: string, now: number): readonly MemoryNode[] {
    return itemsOf(run, node)
      .filter(({ record: { status, dueAt } }) => status === "waiting" && dueAt !== null && dueAt <= now)
      .sort((a, b) => a.record.dueAt! - b.record.dueAt!);
  }

  #new(run: MemoryRun, item: { node: string; item: number; worker: string | null; now: number }): MemoryNode {
    const { node, item: place, worker, now } = item;
    const record = Object.freeze({ ...NEW, node, item: place, worker, startedAt: now });
    const row: MemoryNode = { run, record, input: undefined, output: undefined, readyAt: null, held: null };
    run.nodes.set(nodeKey(record), row);
    this.#tables.place(row, row);
    return row;
  }

  #place(row: MemoryNode, changes: Partial<NodeRecord>, output?: string): void {
    const record = Object.freeze({ ...row.record, ...changes });
    this.#tables.place(row, { record, input: row.input, output, readyAt: null });
  }
}

interface Finishing {
  readonly run: MemoryRun;
  readonly map: MemoryMap;
  readonly row: MemoryNode;
  readonly result: ItemResult;
  readonly values: { readonly input: string | undefined; readonly output: string | undefined };
}

function newMap(write: Extract<MapWrite, { type: "start" }>, now: number): MemoryMap {
  const { fence, total, concurrency, collect } = write;
  const counts = { next: 0, running: 0, waiting: 0, done: 0, failed: 0, open: 0 };
  return {
    ...counts,
    fence,
    total,
    concurrency,
    collect,
    closed: false,
    live: true,
    touchedAt: now,
    bytes: 0,
    undoes: null,
  };
}

/** Nothing of it is claimed now. */
function isShut({ header: { paused, cancelled } }: MemoryRun, { closed, undoes }: MemoryMap): boolean {
  return closed || paused || (cancelled && undoes === null);
}

function stateOf(map: MemoryMap): MapState {
  const {
    live: _live,
    collect: _collect,
    undoes: _undoes,
    touchedAt: _touchedAt,
    bytes: _bytes,
    ...state
  } = map;
  return state;
}

function changesBy(change: ItemWrite["change"], before: NodeRecord, now: number): Partial<NodeRecord> {
  const calm = { losses: 0, putOffMs: 0 };
  if (change.type === "discard") return { ...calm, failure: "discarded" };
  if (change.type === "complete") return { ...calm, status: "succeeded", outcome: "success", failure: null };
  const { fence, generation, keyFence, edited } = before;
  return {
    ...calm,
    status: "waiting",
    outcome: null,
    failure: null,
    attempt: 0,
    fence: fence + 1,
    generation: change.newKey ? generation + 1 : generation,
    keyFence: change.newKey ? fence + 1 : keyFence,
    edited: change.input === undefined ? edited : "given",
    dueAt: now,
    finishedAt: null,
  };
}

/** What the items of a map gave, as its output; `undefined`: there is no such map. */
export function mapOutput(run: MemoryRun, node: string): Json | undefined {
  const map = run.maps.get(node);
  const items = itemsOf(run, node);
  if (!map) return undefined;
  return items.map(({ record, output }) => {
    const value = parsed(output) ?? null;
    if (!map.collect) return value;
    return record.status === "succeeded" ? { ok: true, value } : { ok: false, error: record.error };
  });
}
