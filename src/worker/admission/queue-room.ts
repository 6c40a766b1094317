/**
 * How many node runs of each workspace this process may hand to the queue. The store is asked now and then how many are there; in between
 * this process counts what it adds and takes, and keeps to its part of what is free. So the queue holds about as many as it may, and never
 * many more, whatever the number of processes.
 *
 * The queue is first in, first out, and nobody's turn is decided there. So by default it holds no more than the live workers run at once,
 * shared by weight among the workspaces that have anything in it: whoever comes waits for about one action behind what is there already, or for
 * a few where one workspace had it for itself.
 * Everything else stands in line in the store, where the workspaces take turns. Where one worker does the work of one workspace there are
 * no turns to take, and what it can do within a second goes through neither.
 */
import type { HeldStore } from "../../core/ports/held.ts";
import type { LimitBook } from "../limit-book.ts";

export interface QueueRoomOptions {
  readonly held: Pick<HeldStore, "queued" | "capacity">;
  readonly book: Pick<LimitBook, "of">;
  readonly workers: () => number;
  /** Node runs that this process runs at once; it takes others to be like itself until the store has said. */
  readonly concurrency: number;
  /** Whether this process works and nobody else does: then what is handed over waits in its own backlog. */
  readonly alone: () => boolean;
  /** Monotonic, in milliseconds. */
  readonly now?: () => number;
}

interface Count {
  /** In the queue when the store was last asked. */
  base: number;
  /** Added here since then. */
  added: number;
  /** Added here before, but perhaps not stored yet when the store was asked: counted twice rather than never. */
  addedBefore: number;
  /** Taken here since then. */
  taken: number;
  /** Until then those that are held are taken to stand in line. */
  lineUntil: number;
}

const EVERY_MS = 500;
/** Counting must not take more than a tenth of the time. */
const COSTS = 10;
/** A line that nobody has seen for so long is taken to be empty. */
const LINE_MS = 1_500;
/** What one process alone keeps in its backlog of one workspace: about what it may do within the second that it keeps it there. */
const ALONE = 5_000;
/** Nobody else is behind it, and what is in the queue all workers have at once, where lines give most of a run's steps to one of them. */
const UNCONTESTED = 4;
/** However many share the queue, a few steps of each may be in it. */
const LEAST_SHARE = 4;

export class QueueRoom {
  readonly #options: QueueRoomOptions;
  readonly #counts = new Map<string, Count>();
  /** Those that have something in the queue, or stand in line, as far as is known here. */
  readonly #sharing = new Set<string>();
  /** Of all of them together. */
  #weights = 0;
  #capacity: number | null = null;

  constructor(options: QueueRoomOptions) {
    this.#options = options;
  }

  /** Whether one more may be handed over; then it counts as that. */
  take(workspace: string): boolean {
    const count = this.#count(workspace);
    if (count.lineUntil > this.#now()) return false;
    this.#share(workspace);
    const free = this.#limit(workspace) - count.base;
    const own = count.added + count.addedBefore - count.taken;
    if (own >= Math.ceil(free / Math.max(1, this.#options.workers()))) return false;
    count.added++;
    return true;
  }

  /** So many were never handed over after all. */
  undo(workspace: string, tasks: number): void {
    const count = this.#counts.get(workspace);
    if (count) count.added -= tasks;
  }

  /** So many are in the queue no longer. */
  leave(workspace: string, tasks: number): void {
    const count = this.#counts.get(workspace);
    if (count) count.taken += tasks;
  }

  /** Node runs of it wait for room: those that follow do not overtake them. */
  noteLine(workspace: string): void {
    this.#count(workspace).lineUntil = this.#now() + LINE_MS;
    this.#share(workspace);
  }

  hasLine(workspace: string): boolean {
    return (this.#counts.get(workspace)?.lineUntil ?? 0) > this.#now();
  }

  /** Asks the store, where anything may have changed. Says when it wants to be called again, in milliseconds. */
  async refresh(): Promise<number> {
    if (this.#counts.size === 0) return EVERY_MS;
    const startedAt = this.#now();
    const before = new Map([...this.#counts].map(([workspace, count]) => [workspace, { ...count }]));
    const { held } = this.#options;
    const [queued, capacity] = await Promise.all([held.queued(), held.capacity()]);
    this.#capacity = capacity;
    this.#sharing.clear();
    this.#weights = 0;
    for (const workspace of queued.keys()) this.#share(workspace);
    for (const [workspace, count] of this.#counts) {
      const { added = 0, taken = 0 } = before.get(workspace) ?? {};
      count.base = queued.get(workspace) ?? 0;
      count.addedBefore = added;
      count.added -= added;
      count.taken -= taken;
      const isOver = count.base === 0 && count.added === 0 && added === 0 && count.taken === 0;
      if (isOver && count.lineUntil < startedAt) this.#counts.delete(workspace);
    }
    return Math.max(EVERY_MS, (this.#now() - startedAt) * COSTS);
  }

  /** What the queue holds beyond what may begin soon would only come back. */
  #limit(workspace: string): number {
    const { queued, concurrency, rate, weight } = this.#options.book.of(workspace);
    const perSecond = rate ? Math.max(1, Math.ceil(rate.perSecond)) : Infinity;
    const room = queued === "share" ? this.#part(weight) : (queued ?? Infinity);
    return Math.min(room, concurrency ?? Infinity, perSecond);
  }

  #part(weight: number): number {
    const { workers, concurrency, alone } = this.#options;
    // Nobody works yet, or this process has not looked: whoever comes will be like this one.
    const places = this.#capacity || concurrency * Math.max(1, workers());
    if (this.#sharing.size <= 1) return alone() ? Math.max(ALONE, places) : places * UNCONTESTED;
    return Math.max(LEAST_SHARE, Math.floor((places * weight) / this.#weights));
  }

  #share(workspace: string): void {
    if (this.#sharing.has(workspace)) return;
    this.#sharing.add(workspace);
    this.#weights += this.#options.book.of(workspace).weight;
  }

  #count(workspace: string): Count {
    let count = this.#counts.get(workspace);
    if (!count) {
      count = { base: 0, added: 0, addedBefore: 0, taken: 0, lineUntil: 0 };
      this.#counts.set(workspace, count);
    }
    return count;
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now();
  }
}
