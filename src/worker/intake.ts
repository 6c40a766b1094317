/**
 * The intake: takes tasks from the queue when there is room, claims their node runs and acknowledges the task once the claim is
 * durable. From then on the node run is this worker's by its lease, and the task has nothing left to say.
 */
import type { Logger } from "../core/ports/logger.ts";
import type { Consumer, Scheduler, Task } from "../core/ports/scheduler.ts";
import type { RunTable } from "./run-table.ts";
import type { Slots } from "./slots.ts";

export interface IntakeOptions {
  readonly scheduler: Scheduler;
  readonly table: RunTable;
  readonly slots: Slots;
  readonly lanes: readonly string[];
  readonly logger: Logger;
  readonly onTaken: (task: Task) => void;
}

export class Intake {
  readonly #options: IntakeOptions;
  #consumers: readonly Consumer[] = [];
  #closing = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { scheduler, lanes, slots } = this.#options;
    const concurrency = Math.max(1, slots.free);
    const handle = (task: Task): Promise<void> => this.#handle(task);
    this.#consumers = await Promise.all(
      lanes.map((lane) => scheduler.consume({ lane, concurrency, handle })),
    );
    slots.onChange((free) => this.#fit(free));
  }

  /** Tasks taken since the start. */
  get taken(): number {
    return this.#consumers.reduce((sum, consumer) => sum + consumer.taken, 0);
  }

  async rebuild(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.rebuild()));
  }

  async close(deadlineMs: number): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#consumers.map((consumer) => consumer.close(deadlineMs)));
    this.#consumers = [];
  }

  async #handle(task: Task): Promise<void> {
    const { slots, table, logger, onTaken } = this.#options;
    await slots.acquire(task.workspace);
    onTaken(task);
    try {
      await table.claim(task);
    } catch (error) {
      slots.release(task.workspace);
      logger.error(
        { error, runId: task.runId, node: task.node },
        "a task could not be claimed; it will be sent again",
      );
    }
  }

  /** The queue is asked for no more than there is room for, so that tasks wait where other workers can take them. */
  #fit(free: number): void {
    if (this.#closing) return;
    for (const consumer of this.#consumers) consumer.setConcurrency(Math.max(1, free));
  }
}
