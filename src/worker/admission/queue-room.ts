/**
 * How many node runs of each workspace this process may hand to the queue. The store is asked now and then how many are there; in between
 * this process counts what it adds and takes, and keeps to its part of what is free. So the queue holds about as many as it may, and never
 * many more, whatever the number of processes. How many that are is decided in `core/limits/queue-share.ts`.
 */
import { partOfFree, queueLimit } from "../../core/limits/queue-share.ts";
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

export class QueueRoom {
  readonly #options: QueueRoomOptions;
  readonly #counts = new Map<string, Count>();
  /** The weights of those that have something in the queue, or stand in line, as far as is known here. */
  readonly #sharing = new Map<string, number>();
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
    const own = count.added + count.addedBefore - count.taken;
    const part = { queued: count.base, workers: this.#options.workers() };
    if (own >= partOfFree(this.#limit(workspace), part)) return false;
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

  #limit(workspace: string): number {
    const { book, workers, concurrency, alone } = this.#options;
    // Nobody works yet, or this process has not looked: whoever comes will be like this one.
    const places = this.#capacity || concurrency * Math.max(1, workers());
    const rivals = this.#weights - (this.#sharing.get(workspace) ?? 0);
    return queueLimit(book.of(workspace), { places, rivals, isAlone: alone() });
  }

  #share(workspace: string): void {
    if (this.#sharing.has(workspace)) return;
    const { weight } = this.#options.book.of(workspace);
    this.#sharing.set(workspace, weight);
    this.#weights += weight;
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
