/**
 * The scheduler over BullMQ, on Redis or on PostgreSQL: one adapter, two transports.
 *
 * Invariants:
 * - PostgreSQL's tables of runs are the truth, the queue is a doorbell: a task is ids only, is tried once, and is gone when it was
 *   handled. Priorities, delays, locks, deduplication and job schedulers of BullMQ are not used.
 * - A task's job id is made of its node run, fence and dispatch number, so that a command that is sent twice is one task.
 * - Producers fail within about two seconds, consumers wait for ever; so they never share a connection.
 * - Every BullMQ object and every connection has an `error` listener: without one an error would end the process.
 */
import { Queue, type IQueueBackend } from "bullmq";
import { FlowForgeError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Consumer, ConsumerOptions, LaneDepth, Scheduler, Task } from "../core/ports/scheduler.ts";
import { packTask, type TaskFields } from "../core/task.ts";
import type { Connection } from "../postgres-connection/own-settings.ts";
import type { RedisConnection } from "../redis/servers.ts";
import { BullmqConsumer } from "./consumer.ts";
import { settlesWithin, within } from "./deadline.ts";
import { errorLog } from "./error-log.ts";
import { postgresTransport } from "./postgres-transport.ts";
import { redisTransport } from "./redis-transport.ts";
import type { Transport } from "./transport.ts";

export type BullmqBackend =
  | { readonly redis: RedisConnection; readonly postgres?: never }
  | { readonly postgres: Connection; readonly redis?: never };

export interface BullmqSchedulerOptions {
  /** Begins every key in Redis, and names the PostgreSQL schema `<prefix>_queue`. */
  readonly prefix: string;
  /** Lanes that are set up at once; others when they are first used. */
  readonly lanes: readonly string[];
  readonly logger: Logger;
  /** Accepts a Redis that may evict keys. Default false. */
  readonly allowEviction?: boolean;
}

/** Longer than the two seconds of a command, because a lost connection is noticed by that command. */
const DISPATCH_MS = 2_500;
const CLOSE_MS = 1_000;
const EVENTS_KEPT = 100;

type LaneQueue = Queue<TaskFields, void, string, TaskFields, void, string, IQueueBackend, object>;

/**
 * Errors of `open`: `redis_unreachable`, `redis_too_old`, `redis_policy_unsafe`, `postgres_unreachable`, `postgres_too_old`,
 * `schema_too_new`. Connections that are passed in are copied, and neither used nor closed.
 */
export function createBullmqScheduler(backend: BullmqBackend, options: BullmqSchedulerOptions): Scheduler {
  const { prefix, logger, allowEviction = false } = options;
  const onError = errorLog(logger, {}, "a connection to the queue reports an error");
  const transport =
    backend.redis === undefined
      ? postgresTransport({ postgres: backend.postgres, prefix, onError })
      : redisTransport({ redis: backend.redis, prefix, allowEviction, logger, onError });
  return new BullmqScheduler(transport, options, onError);
}

class BullmqScheduler implements Scheduler {
  readonly #transport: Transport;
  readonly #options: BullmqSchedulerOptions;
  readonly #onError: (error: unknown) => void;
  readonly #queues = new Map<string, LaneQueue>();
  readonly #consumers = new Set<BullmqConsumer>();
  #open = false;

  constructor(transport: Transport, options: BullmqSchedulerOptions, onError: (error: unknown) => void) {
    this.#transport = transport;
    this.#options = options;
    this.#onError = onError;
  }

  async open(): Promise<void> {
    if (this.#open) return;
    await this.#transport.open();
    this.#open = true;
    for (const lane of this.#options.lanes) this.#queue(lane);
  }

  async dispatch(tasks: readonly Task[]): Promise<void> {
    this.#mustBeOpen();
    const lanes = new Map<string, TaskJob[]>();
    for (const task of tasks) {
      const jobs = lanes.get(task.lane);
      if (jobs) jobs.push(jobOf(task));
      else lanes.set(task.lane, [jobOf(task)]);
    }
    await this.#ask(Promise.all([...lanes].map(([lane, jobs]) => this.#queue(lane).addBulk(jobs))));
  }

  async consume(options: ConsumerOptions): Promise<Consumer> {
    this.#mustBeOpen();
    const consumer = new BullmqConsumer(options, this.#transport, this.#options.logger);
    this.#consumers.add(consumer);
    try {
      await consumer.start();
    } catch (error) {
      this.#consumers.delete(consumer);
      await consumer.close(0);
      throw error;
    }
    return consumer;
  }

  async depth(lane: string): Promise<LaneDepth> {
    this.#mustBeOpen();
    return this.#ask(this.#transport.depth(lane));
  }

  async checkEpoch(): Promise<boolean> {
    this.#mustBeOpen();
    const there = await this.#ask(this.#transport.mark());
    // The length of the event stream is kept in the queue too, and went with it.
    if (!there) await this.#ask(Promise.all([...this.#queues.values()].map(limitEvents)));
    return there;
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await Promise.all([...this.#consumers].map((consumer) => consumer.close(CLOSE_MS)));
    await settlesWithin(Promise.all([...this.#queues.values()].map((queue) => queue.close())), CLOSE_MS);
    await settlesWithin(this.#transport.close(), CLOSE_MS);
  }

  #queue(lane: string): LaneQueue {
    const known = this.#queues.get(lane);
    if (known) return known;
    const { queueName, prefix, producer } = this.#transport;
    const settings = { connection: {}, prefix, skipMetasUpdate: true, skipVersionCheck: true };
    const queue: LaneQueue = new Queue(queueName(lane), settings, producer);
    queue.on("error", this.#onError);
    this.#queues.set(lane, queue);
    limitEvents(queue).catch(this.#onError);
    return queue;
  }

  /** An answer within the deadline, or the error that says whose fault it is. */
  async #ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await within(answer, DISPATCH_MS, () => new Error(`no answer within ${DISPATCH_MS} ms`));
    } catch (error) {
      throw FlowForgeError.is(error) ? error : this.#transport.unreachable(error);
    }
  }

  #mustBeOpen(): void {
    if (this.#open) return;
    throw new FlowForgeError("engine_not_started", {
      subject: "The scheduler",
      next: "Call open() first, and nothing after close().",
    });
  }
}

interface TaskJob {
  readonly name: string;
  readonly data: TaskFields;
  readonly opts: { readonly jobId: string; readonly attempts: number };
}

function jobOf(task: Task): TaskJob {
  const { id, fields } = packTask(task);
  return { name: "t", data: fields, opts: { jobId: id, attempts: 1 } };
}

/** BullMQ keeps 10,000 events for readers that we do not have. */
async function limitEvents(queue: LaneQueue): Promise<void> {
  await queue.getBackend().setQueueMeta({ "opts.maxLenEvents": EVENTS_KEPT });
}
