/** Who has waited for long, and what of that is stuck. */
import {
  type KnownStuckRun,
  MOST_STUCK,
  type StuckQuery,
  type StuckRun,
  type StuckStore,
  type WaitingQuery,
} from "../../core/ports/stuck.ts";
import type { Waiting, WaitingKind, WorkerRoom } from "../../core/stuck/judge.ts";
import type { MemoryNode, MemoryRun, Tables } from "./tables.ts";
import type { WorkerTable } from "./worker-table.ts";

interface Found {
  readonly kind: WaitingKind;
  readonly node: string | null;
  /** `null`: as long as nothing moves in its run. */
  readonly at: number | null;
}

export interface StuckTableParts {
  readonly tables: Tables;
  readonly workers: WorkerTable;
  readonly now: () => number;
}

const UNDER_WAY: ReadonlySet<string> = new Set(["queued", "running", "cancelling", "compensating"]);

export class StuckTable implements StuckStore {
  readonly #parts: StuckTableParts;
  readonly #known = new Map<string, KnownStuckRun>();
  #lookedAt = -Infinity;

  constructor(parts: StuckTableParts) {
    this.#parts = parts;
  }

  async takeTurn(everyMs: number): Promise<boolean> {
    const now = this.#parts.now();
    if (this.#lookedAt > now - everyMs) return false;
    this.#lookedAt = now;
    return true;
  }

  async waiting(query: WaitingQuery): Promise<readonly Waiting[]> {
    const all = [...this.#parts.tables.runs.values()]
      .filter(({ header }) => !header.paused && header.finishedAt === null)
      .flatMap((run) => this.#waitingIn(run, query));
    const known = new Set([...this.#known.values()].map(({ runId }) => runId));
    const first = all.toSorted(
      (a, b) => Number(known.has(b.runId)) - Number(known.has(a.runId)) || (a.runId < b.runId ? -1 : 1),
    );
    const groups = Map.groupBy(first, ({ kind, workspace, workflow, version, node }) =>
      JSON.stringify([kind, workspace, workflow, version, node]),
    );
    return [...groups.values()]
      .flatMap((group) => group.slice(0, query.limit))
      .toSorted((a, b) => a.since - b.since || (placeOf(a) < placeOf(b) ? -1 : 1));
  }

  async rooms(): Promise<readonly WorkerRoom[]> {
    return this.#parts.workers.rooms();
  }

  async note(found: readonly StuckRun[]): Promise<readonly StuckRun[]> {
    const keys = new Set(found.map(keyOf));
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
    const fresh = found
      .filter((run) => !this.#known.has(keyOf(run)))
      .slice(0, Math.max(0, MOST_STUCK - this.#known.size));
    for (const run of fresh) this.#known.set(keyOf(run), { ...run, foundAt: this.#parts.now() });
    return fresh;
  }

  async list({ workspace, after, limit }: StuckQuery): Promise<readonly KnownStuckRun[]> {
    return [...this.#known.values()]
      .filter((run) => workspace === null || run.workspace === workspace)
      .toSorted(newestFirst)
      .filter((run) => !after || newestFirst(after, run) < 0)
      .slice(0, limit);
  }

  /** The run is deleted. */
  forget(runId: string): void {
    for (const [key, run] of this.#known) if (run.runId === runId) this.#known.delete(key);
  }

  #waitingIn(run: MemoryRun, query: WaitingQuery): readonly Waiting[] {
    const { id: runId, workspace, workflow, version, status } = run.header;
    const quietSince = this.#parts.now() - query.quietMs;
    const since = movedAt(run);
    const each = new Map<string, Found>();
    for (const found of this.#found(run, { ...query, quietSince })) {
      const key = `${found.kind} ${found.node}`;
      const at = Math.min(found.at ?? since, each.get(key)?.at ?? Infinity);
      each.set(key, { ...found, at });
    }
    return [...each.values()].map(({ kind, node, at }) => {
      const isOld = (at ?? since) <= quietSince;
      return { kind, runId, workspace, workflow, version, status, node, isOld, since };
    });
  }

  *#found(run: MemoryRun, query: { readonly quietSince: number; readonly rounds: number }): Iterable<Found> {
    const { quietSince } = query;
    for (const node of run.nodes.values()) yield* this.#ofNode(node, query);
    for (const [node, map] of run.maps)
      if (map.live && !map.closed && map.running === 0 && map.next < map.total && map.touchedAt <= quietSince)
        yield { kind: "map", node, at: map.touchedAt };
    const unread = [...run.inbox.values()].filter(({ kept }) => !kept);
    for (const { receivedAt } of unread)
      if (receivedAt <= quietSince) yield { kind: "message", node: null, at: receivedAt };
    const isIdle =
      UNDER_WAY.has(run.header.status) && unread.length === 0 && ![...run.nodes.values()].some(isAlive);
    if (isIdle && movedAt(run) <= quietSince) yield { kind: "idle", node: null, at: null };
  }

  *#ofNode(
    { record, readyAt }: MemoryNode,
    { quietSince, rounds }: { readonly quietSince: number; readonly rounds: number },
  ): Iterable<Found> {
    const { node, status, dispatchedAt, dispatches, dueAt, deadlineAt, worker, waitingFor, item } = record;
    const goesRound = dispatches >= rounds;
    if (readyAt !== null && (readyAt <= quietSince || goesRound)) yield { kind: "ready", node, at: readyAt };
    if (dispatchedAt !== null && (dispatchedAt <= quietSince || goesRound))
      yield { kind: "queued", node, at: dispatchedAt };
    const { startedAt } = record;
    if (status === "running" && worker !== null && startedAt !== null && startedAt <= quietSince)
      if (this.#parts.workers.isGone(worker, quietSince)) yield { kind: "lost", node, at: startedAt };
    if (item >= 0) return;
    if (status === "waiting" && dueAt !== null && dueAt <= quietSince)
      yield { kind: "timer", node, at: dueAt };
    const isBounded =
      status === "pending" || status === "ready" || status === "queued" || waitingFor === "map";
    if (isBounded && deadlineAt !== null && deadlineAt <= quietSince)
      yield { kind: "timer", node, at: deadlineAt };
  }
}

function isAlive({ record: { status, worker, waitingFor } }: MemoryNode): boolean {
  if (status === "running") return worker !== null || waitingFor !== null;
  return status === "ready" || status === "queued" || status === "waiting";
}

function movedAt({ header, nodes }: MemoryRun): number {
  const times = [...nodes.values()].flatMap(({ record }) => [record.startedAt ?? 0, record.finishedAt ?? 0]);
  return Math.max(header.createdAt, ...times);
}

function placeOf({ runId, node }: Waiting): string {
  return `${runId} ${node ?? "\uffff"}`;
}

function keyOf({ runId, node, reason }: StuckRun): string {
  return JSON.stringify([runId, node, reason]);
}

type Place = Pick<KnownStuckRun, "foundAt" | "runId" | "node">;

function newestFirst(a: Place, b: Place): number {
  const [one, other] = [`${a.runId} ${a.node ?? ""}`, `${b.runId} ${b.node ?? ""}`];
  return b.foundAt - a.foundAt || (one < other ? 1 : one > other ? -1 : 0);
}
