/**
 * A scheduler in memory, for tests and simulations: the semantics of the real ones, and hooks that make it as bad as a queue is
 * allowed to be (it loses, repeats, forgets and goes away). Engines of one process share it through a hub.
 *
 * It has no timers: everything happens in microtasks, so it runs in virtual time too. Only a close with a deadline needs a clock.
 */
import { FlowForgeError } from "../core/errors.ts";
import type { Consumer, ConsumerOptions, LaneDepth, Scheduler, Task } from "../core/ports/scheduler.ts";
import { MemoryHub } from "./memory-hub.ts";

/** Calls back after a while, unless the returned function was called before. */
export type After = (ms: number, callback: () => void) => () => void;

export interface MemorySchedulerOptions {
  /** The queue itself. Engines with the same hub share their tasks. Default: one of its own. */
  readonly hub?: MemoryHub;
  /** For the deadline of `close`. None: a close waits for the tasks in hand however long they take, and not at all with deadline 0. */
  readonly after?: After;
}

/** For tests and simulations only: tasks are gone with the process. */
export function createMemoryScheduler(options: MemorySchedulerOptions = {}): Scheduler {
  return new MemoryScheduler(options.hub ?? new MemoryHub(), options.after);
}

class MemoryScheduler implements Scheduler {
  readonly #hub: MemoryHub;
  readonly #after: After | undefined;
  readonly #consumers = new Set<MemoryConsumer>();
  #open = false;

  constructor(hub: MemoryHub, after: After | undefined) {
    this.#hub = hub;
    this.#after = after;
  }

  async open(): Promise<void> {
    this.#hub.mustBeUp();
    this.#open = true;
  }

  async dispatch(tasks: readonly Task[]): Promise<void> {
    this.#mustBeOpen();
    this.#hub.add(tasks);
  }

  async consume(options: ConsumerOptions): Promise<Consumer> {
    this.#mustBeOpen();
    const consumer = new MemoryConsumer(this.#hub, options, this.#after);
    this.#consumers.add(consumer);
    await consumer.resume();
    return consumer;
  }

  async depth(lane: string): Promise<LaneDepth> {
    this.#mustBeOpen();
    return this.#hub.depth(lane);
  }

  async checkEpoch(): Promise<boolean> {
    this.#mustBeOpen();
    return this.#hub.mark();
  }

  async close(): Promise<void> {
    this.#open = false;
    await Promise.all([...this.#consumers].map((consumer) => consumer.close(0)));
    this.#consumers.clear();
  }

  #mustBeOpen(): void {
    if (!this.#open) {
      const next = "Call open() first, and nothing after close().";
      throw new FlowForgeError("engine_not_started", { subject: "The scheduler", next });
    }
    this.#hub.mustBeUp();
  }
}

class MemoryConsumer implements Consumer {
  readonly #hub: MemoryHub;
  readonly #options: ConsumerOptions;
  readonly #after: After | undefined;
  /** Tasks in hand, each with the promise of its end. */
  readonly #inHand = new Map<Promise<void>, { readonly giveBack: () => void }>();
  #concurrency: number;
  #leave: (() => void) | null = null;
  #closed = false;
  taken = 0;

  constructor(hub: MemoryHub, options: ConsumerOptions, after: After | undefined) {
    this.#hub = hub;
    this.#options = options;
    this.#after = after;
    this.#concurrency = Math.max(1, Math.floor(options.concurrency));
  }

  setConcurrency(concurrency: number): void {
    this.#concurrency = Math.max(1, Math.floor(concurrency));
    this.#hub.wake();
  }

  async pause(): Promise<void> {
    this.#leave?.();
    this.#leave = null;
  }

  async resume(): Promise<void> {
    if (this.#leave !== null || this.#closed) return;
    const { lane } = this.#options;
    this.#leave = this.#hub.join({
      lane,
      room: () => this.#concurrency - this.#inHand.size,
      take: (task, delivery) => this.#take(task, delivery),
    });
  }

  async rebuild(): Promise<void> {
    if (this.#leave === null) return;
    await this.pause();
    await this.resume();
  }

  async close(deadlineMs: number): Promise<void> {
    this.#closed = true;
    await this.pause();
    const ended = Promise.all(this.#inHand.keys());
    if (deadlineMs > 0) await this.#withDeadline(ended, deadlineMs);
    // Like a task whose worker died: somebody else gets it.
    for (const { giveBack } of this.#inHand.values()) giveBack();
    this.#inHand.clear();
  }

  async #withDeadline(ended: Promise<unknown>, deadlineMs: number): Promise<void> {
    const after = this.#after;
    if (after === undefined) return void (await ended);
    let cancel = (): void => {};
    const late = new Promise<void>((resolve) => (cancel = after(deadlineMs, resolve)));
    await Promise.race([ended, late]);
    cancel();
  }

  #take(task: Task, delivery: { readonly done: () => void; readonly giveBack: () => void }): void {
    this.taken += 1;
    const handled = Promise.resolve()
      .then(() => this.#options.handle(task))
      .catch(() => undefined)
      .then(() => {
        delivery.done();
        this.#inHand.delete(handled);
        this.#hub.wake();
      });
    this.#inHand.set(handled, delivery);
  }
}
