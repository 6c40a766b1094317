/**
 * Node runs that were handed over and that this process will soon have room for: they wait here for a moment before they go to
 * the queue. The way through the queue and back costs more than most steps do, and where nobody else is free it gains nothing.
 *
 * Their rows say `queued`, as if the queue had them. So nothing is lost with this process: what its end left here is found by
 * the sweeper like any lost task, and a task that is sent late meets another fence.
 *
 * Invariants:
 * - nothing waits here longer than `holdMs`, which is far below the sweeper's grace; where other workers live it is short, and only
 *   this worker's share is kept;
 * - tasks that already came from the queue have room first (`Slots`), so the queue is never starved by what is kept here.
 */
import type { Task } from "../core/ports/scheduler.ts";
import type { Slots } from "./slots.ts";

export interface BacklogOptions {
  readonly slots: Slots;
  /** Claims a node run; room comes with it. */
  readonly claim: (task: Task) => void;
  /** Hands tasks to the queue. */
  readonly send: (tasks: readonly Task[]) => void;
  /** Live workers, this one among them. */
  readonly workers: () => number;
}

/** Alone: nobody else could take them sooner. In company: as long as it takes to run a few short steps. */
const HOLD_ALONE_MS = 1_000;
const HOLD_MS = 20;
/** Tasks kept by a worker that is alone. In company as many as it has places. */
const MAX_ALONE = 10_000;

interface Held {
  readonly task: Task;
  readonly since: number;
}

export class Backlog {
  readonly #options: BacklogOptions;
  #held: Held[] = [];
  /** The first of `#held` that is still here: taking from the front of a long list would copy it. */
  #head = 0;
  #timer: NodeJS.Timeout | undefined;
  #draining = false;
  #open = true;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#held.length - this.#head;
  }

  /** Keeps what fits of these, which this worker can run, and sends the others. */
  add(tasks: readonly Task[]): void {
    const { slots, workers, send } = this.#options;
    const alone = workers() <= 1;
    const share = alone ? tasks.length : Math.ceil(tasks.length / workers());
    const room = this.#open ? (alone ? MAX_ALONE : slots.size) - this.size : 0;
    const kept = Math.max(0, Math.min(share, room));
    const since = performance.now();
    for (const task of tasks.slice(0, kept)) this.#held.push({ task, since });
    if (kept < tasks.length) send(tasks.slice(kept));
    this.drain();
  }

  /** There may be room: claims in the order of arrival. */
  drain(): void {
    // Taking a place tells everybody who listens for room, and so comes back here.
    if (this.#draining) return;
    this.#draining = true;
    while (this.size > 0 && this.#options.slots.take(1) === 1) this.#options.claim(this.#shift().task);
    this.#draining = false;
    this.#watch();
  }

  /** Sends everything to the queue, now and from now on. */
  close(): void {
    this.#open = false;
    this.#sendOlderThan(Infinity);
  }

  /** Other workers may have room while this one has none. */
  #watch(): void {
    if (this.size === 0 || this.#timer !== undefined) return;
    const { since } = this.#held[this.#head]!;
    const waitMs = Math.max(1, since + this.#holdMs() - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sendOlderThan(performance.now() - this.#holdMs());
      this.#watch();
    }, waitMs);
  }

  #holdMs(): number {
    return this.#options.workers() <= 1 ? HOLD_ALONE_MS : HOLD_MS;
  }

  #sendOlderThan(since: number): void {
    const tasks: Task[] = [];
    while (this.size > 0 && this.#held[this.#head]!.since <= since) tasks.push(this.#shift().task);
    if (tasks.length > 0) this.#options.send(tasks);
  }

  #shift(): Held {
    const first = this.#held[this.#head++]!;
    if (this.#head > 1_000 && this.#head * 2 > this.#held.length) {
      this.#held = this.#held.slice(this.#head);
      this.#head = 0;
    }
    return first;
  }
}
