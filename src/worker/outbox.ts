/**
 * Hands node runs to the queue in batches, after their commit. A queue that does not answer costs latency only: the rows say
 * `queued`, and the sweeper sends them again.
 */
import type { Logger } from "../core/ports/logger.ts";
import type { Scheduler, Task } from "../core/ports/scheduler.ts";

const MAX_BATCH = 1_000;

export class Outbox {
  readonly #scheduler: Pick<Scheduler, "dispatch">;
  readonly #logger: Logger;
  #waiting: Task[] = [];
  #sending: Promise<void> | null = null;
  /** Tasks that the queue did not take. */
  failed = 0;

  constructor(scheduler: Pick<Scheduler, "dispatch">, logger: Logger) {
    this.#scheduler = scheduler;
    this.#logger = logger;
  }

  send(tasks: readonly Task[]): void {
    this.#waiting.push(...tasks);
    this.#sending ??= this.#run();
  }

  /** Resolves when everything was sent or given up. */
  async idle(): Promise<void> {
    while (this.#sending) await this.#sending;
  }

  async #run(): Promise<void> {
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      try {
        await this.#scheduler.dispatch(batch);
      } catch (error) {
        this.failed += batch.length;
        this.#logger.warn(
          { error, tasks: batch.length },
          "the queue did not take tasks; they will be sent again",
        );
      }
    }
    this.#sending = null;
  }
}
