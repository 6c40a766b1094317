/** BullMQ's worker with the four things that we need to do to it and that it does not offer. */
import { Worker, type IQueueBackend, type Job, type JobProgress, type Span } from "bullmq";
import type { TaskFields } from "../core/task.ts";
import type { Factory } from "./transport.ts";

/** Crash recovery takes up to lock + two checks; the store's leases do not wait for it. */
const LOCK_MS = 10_000;
const STALLED_CHECK_MS = 5_000;
/** How often an idle consumer looks by itself, should a wake-up get lost. In seconds. */
const LOOK_SECONDS = 5;
/** How long it waits before it asks a server again that is away. */
const RETRY_MS = 500;

export interface LaneWorkerOptions {
  readonly queueName: string;
  readonly prefix: string;
  readonly concurrency: number;
  readonly factory: Factory;
  /** Must not throw. */
  readonly handle: (data: unknown) => Promise<void>;
}

type TaskJob = Job<TaskFields, void, string, JobProgress>;

type Acknowledgement = [result: void, job: TaskJob, token: string, fetchNext?: () => boolean, span?: Span];

export class LaneWorker extends Worker<TaskFields, void, string, IQueueBackend, JobProgress, object> {
  #inHand = 0;
  readonly #fetches = new Set<Promise<unknown>>();
  readonly #handle: (data: unknown) => Promise<void>;

  constructor({ queueName, prefix, concurrency, factory, handle }: LaneWorkerOptions) {
    const settings = {
      connection: {},
      prefix,
      concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      // A task whose worker died comes back however often that happens: poison is counted in the store.
      maxStalledCount: 1_000_000_000,
      drainDelay: LOOK_SECONDS,
      runRetryDelay: RETRY_MS,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      skipVersionCheck: true,
      autorun: false,
    };
    super(queueName, (job) => this.#process(job.data), settings, factory);
    this.#handle = handle;
  }

  async #process(data: TaskFields): Promise<void> {
    this.#inHand += 1;
    try {
      await this.#handle(data);
    } finally {
      this.#inHand -= 1;
    }
  }

  /**
   * Resolves when no answer is on its way that can bring a task. After `close` none is asked for any more, so a task that is
   * dispatched later than this is left to others.
   */
  async fetched(): Promise<void> {
    while (this.#fetches.size > 0) await Promise.allSettled(this.#fetches);
  }

  /** BullMQ asks once more when a close cuts its wait short; by then the task may be meant for others. */
  protected override moveToActive(token: string, name?: string): Promise<TaskJob> {
    return this.closing ? this.nextJobFromJobData() : this.#fetch(super.moveToActive(token, name));
  }

  /** The answer to "this task is done" may bring the next one. */
  protected override handleCompleted(...args: Acknowledgement): Promise<TaskJob> {
    return this.#fetch(super.handleCompleted(...args));
  }

  async #fetch<T>(answer: Promise<T>): Promise<T> {
    this.#fetches.add(answer);
    try {
      return await answer;
    } finally {
      this.#fetches.delete(answer);
    }
  }

  /**
   * Lower takes effect by itself: no task is fetched while more are in hand. Higher does not: a worker that has all it may have
   * sleeps until one of them ends. Pausing and resuming in the same tick wakes it and nothing else: it never sees the pause.
   */
  setConcurrency(concurrency: number): void {
    const asleep = this.#inHand >= this.concurrency;
    const raised = concurrency > this.concurrency;
    this.concurrency = concurrency;
    if (!asleep || !raised || this.closing || !this.isRunning()) return;
    void this.pause(true);
    void this.resume();
  }

  /** Stops what would go on after a close that does not end: lock renewal and the check for stalled tasks. */
  async abandon(): Promise<void> {
    await this.lockManager.close();
    await this.pause(true);
  }
}
