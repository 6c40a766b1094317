/**
 * A consumer of one lane. Its BullMQ worker is replaceable: a pause closes it and a resume makes a new one, as does `rebuild`
 * for a worker that has stopped taking tasks without saying so.
 */
import type { Logger } from "../core/ports/logger.ts";
import type { Consumer, ConsumerOptions } from "../core/ports/scheduler.ts";
import { unpackTask } from "../core/task.ts";
import { settlesWithin, within } from "./deadline.ts";
import { errorLog } from "./error-log.ts";
import { LaneWorker } from "./lane-worker.ts";
import type { ConsumerConnections, Transport } from "./transport.ts";

const READY_MS = 5_000;
/** How long tasks in hand may still be acknowledged by a worker that was replaced. */
const RETIRE_MS = 10_000;
const LAST_TASKS_MS = 1_000;

interface Running {
  readonly worker: LaneWorker;
  readonly connections: ConsumerConnections;
}

export class BullmqConsumer implements Consumer {
  readonly #options: ConsumerOptions;
  readonly #transport: Transport;
  readonly #logger: Logger;
  readonly #report: (error: unknown) => void;
  #running: Running | null = null;
  #retiring = new Set<Promise<void>>();
  #concurrency: number;
  #closed = false;
  taken = 0;

  constructor(options: ConsumerOptions, transport: Transport, logger: Logger) {
    this.#options = options;
    this.#transport = transport;
    this.#logger = logger;
    this.#concurrency = Math.max(1, Math.floor(options.concurrency));
    const fields = { lane: options.lane, queue: transport.target };
    this.#report = errorLog(logger, fields, "a consumer of the queue reports an error");
  }

  /** Throws the transport's `unreachable` error where there is no connection within five seconds. */
  async start(): Promise<void> {
    const running = this.#make();
    this.#running = running;
    try {
      await within(
        Promise.all([running.worker.waitUntilReady(), running.connections.ping()]),
        READY_MS,
        () => new Error(`not ready within ${READY_MS} ms`),
      );
    } catch (error) {
      throw this.#transport.unreachable(error);
    }
  }

  setConcurrency(concurrency: number): void {
    this.#concurrency = Math.max(1, Math.floor(concurrency));
    this.#running?.worker.setConcurrency(this.#concurrency);
  }

  async pause(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    if (running === null) return;
    const retired = this.#retire(running, RETIRE_MS);
    // A task that was on its way when the worker was told to close still comes; after this no more do.
    await settlesWithin(Promise.race([retired, running.worker.fetched()]), LAST_TASKS_MS);
  }

  async resume(): Promise<void> {
    if (this.#running === null && !this.#closed) await this.start();
  }

  async rebuild(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    void this.#retire(running, RETIRE_MS);
    await this.start();
  }

  async close(deadlineMs: number): Promise<void> {
    this.#closed = true;
    const running = this.#running;
    this.#running = null;
    if (running !== null) void this.#retire(running, deadlineMs);
    await settlesWithin(Promise.all(this.#retiring), deadlineMs + LAST_TASKS_MS);
  }

  #make(): Running {
    const { lane } = this.#options;
    const connections = this.#transport.consumer(this.#report);
    const worker = new LaneWorker({
      queueName: this.#transport.queueName(lane),
      prefix: this.#transport.prefix,
      concurrency: this.#concurrency,
      factory: connections.factory,
      handle: (data) => this.#handle(data),
    });
    worker.on("error", this.#report);
    void worker.run().catch(this.#report);
    return { worker, connections };
  }

  /** Never throws: to BullMQ every task is done once it was handled. */
  async #handle(data: unknown): Promise<void> {
    const { lane, handle } = this.#options;
    this.taken += 1;
    const task = unpackTask(data, lane);
    try {
      if (task === null)
        this.#logger.error({ lane }, "a job in the queue is no task of FlowForge; it was dropped");
      else await handle(task);
    } catch (error) {
      this.#logger.error({ lane, error }, "the handler of a task threw; the task counts as delivered");
    }
  }

  /** Lets the tasks in hand end, then closes; at the deadline it closes all the same. BullMQ's own close may never end. */
  #retire({ worker, connections }: Running, deadlineMs: number): Promise<void> {
    const retired = (async () => {
      const inTime = await settlesWithin(worker.close(), deadlineMs);
      if (!inTime) await worker.abandon();
      await connections.drop();
    })().catch(this.#report);
    this.#retiring.add(retired);
    void retired.finally(() => this.#retiring.delete(retired));
    return retired;
  }
}
