/** `engine.workers`: the processes that work, or did so within the last hour. */
import type { StatisticsStore, WorkerRecord } from "../core/ports/statistics.ts";

export class WorkersApi {
  readonly #statistics: Pick<StatisticsStore, "workers">;

  /** @internal */
  constructor(statistics: Pick<StatisticsStore, "workers">) {
    this.#statistics = statistics;
  }

  /**
   * Of every process that has registered to work or to maintain: host, lanes, how much it executes, and when it last gave a sign of life.
   * Those that are alive come first; dead ones are kept for an hour. At most 1,000.
   */
  list(): Promise<readonly WorkerRecord[]> {
    return this.#statistics.workers();
  }
}
