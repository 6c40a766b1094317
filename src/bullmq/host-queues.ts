/**
 * Queues of the host's own, on Redis or on PostgreSQL: jobs are added and nothing else is done. What the host has set for a queue (its
 * meta data, its schema) is left alone. Which queues there may be is decided elsewhere.
 */
import { Queue, type IQueueBackend, type JobsOptions } from "bullmq";
import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { HostJob, HostJobOptions, HostQueues } from "../core/ports/host-queues.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Connection } from "../postgres-connection/own-settings.ts";
import type { RedisConnection } from "../redis/servers.ts";
import { settlesWithin, within } from "./deadline.ts";
import { errorLog } from "./error-log.ts";
import { postgresProducer } from "./postgres-producer.ts";
import { redisProducer } from "./redis-producer.ts";
import type { Producer } from "./transport.ts";

export type HostQueuesBackend =
  | { readonly redis: RedisConnection; readonly prefix: string }
  | { readonly postgres: Connection; readonly schema: string };

type HostQueue = Queue<Json, unknown, string, Json, unknown, string, IQueueBackend, object>;

/** A name that nobody has used for so many others begins anew. */
const MAX_QUEUES = 200;
/** Longer than the two seconds of a command, because a lost connection is noticed by that command. */
const ADD_MS = 2_500;
const CLOSE_MS = 1_000;

/** Errors of `add`: `redis_unreachable`, `postgres_unreachable`, `schema_outdated`, `schema_too_new`. */
export function createHostQueues(
  backend: HostQueuesBackend,
  { logger }: { readonly logger: Logger },
): HostQueues {
  const onError = errorLog(logger, {}, "a connection to the host's queues reports an error");
  const producer =
    "redis" in backend ? redisProducer({ ...backend, onError }) : postgresProducer({ ...backend, onError });
  return new BullmqHostQueues(producer, onError);
}

class BullmqHostQueues implements HostQueues {
  readonly #producer: Producer;
  readonly #onError: (error: unknown) => void;
  readonly #queues = new Map<string, HostQueue>();
  #open: Promise<void> | null = null;
  #closed = false;

  constructor(producer: Producer, onError: (error: unknown) => void) {
    this.#producer = producer;
    this.#onError = onError;
  }

  async add({ queue, name, data, id, options }: HostJob): Promise<void> {
    await this.#opened();
    const added = this.#queue(queue).add(name, data, { jobId: id, ...optionsOf(options) });
    try {
      await within(added, ADD_MS, () => new Error(`no answer within ${ADD_MS} ms`));
    } catch (error) {
      throw FlowForgeError.is(error) ? error : this.#producer.refused(error);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (!this.#open) return;
    await settlesWithin(this.#open, CLOSE_MS);
    await settlesWithin(Promise.all([...this.#queues.values()].map((queue) => queue.close())), CLOSE_MS);
    await settlesWithin(this.#producer.close(), CLOSE_MS);
  }

  /** A failure is not kept: the next one tries again. */
  async #opened(): Promise<void> {
    if (this.#closed) {
      const next = "Nothing is added to queues after the engine was stopped.";
      throw new FlowForgeError("engine_not_started", { subject: "The host's queues", next });
    }
    this.#open ??= this.#producer.open().catch((error: unknown) => {
      this.#open = null;
      throw error;
    });
    await this.#open;
  }

  #queue(name: string): HostQueue {
    const known = this.#queues.get(name);
    if (known) return known;
    const { prefix, factory } = this.#producer;
    const settings = { connection: {}, prefix, skipMetasUpdate: true, skipVersionCheck: true };
    const queue: HostQueue = new Queue(name, settings, factory);
    queue.on("error", this.#onError);
    this.#queues.set(name, queue);
    if (this.#queues.size > MAX_QUEUES) this.#queues.delete(this.#queues.keys().next().value!);
    return queue;
  }
}

function optionsOf(options: HostJobOptions): JobsOptions {
  const { delayMs, priority, attempts, backoff, keepCompletedMs, keepFailedMs } = options;
  return {
    attempts,
    ...(delayMs > 0 ? { delay: delayMs } : {}),
    ...(priority > 0 ? { priority } : {}),
    ...(backoff ? { backoff: { type: backoff.type, delay: backoff.delayMs } } : {}),
    // Seconds. Those of a job come before those of the worker that takes it.
    removeOnComplete: { age: Math.ceil(keepCompletedMs / 1_000) },
    removeOnFail: { age: Math.ceil(keepFailedMs / 1_000) },
  };
}
