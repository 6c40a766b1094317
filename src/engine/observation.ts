/**
 * What an engine tells of itself: counts of what this process sees, which are stored every few seconds, samples of how much work there is,
 * and the calls that read them.
 */
import type { Logger } from "../core/ports/logger.ts";
import { Statistics } from "../observability/statistics.ts";
import { Loop } from "../worker/loop.ts";
import type { Observer } from "../worker/observer.ts";
import type { Worker } from "../worker/worker.ts";
import type { Connections } from "./connect.ts";
import { StatsReader } from "./stats.ts";
import { WorkersApi } from "./workers.ts";

const FLUSH_MS = 5_000;
const SAMPLE_MS = 30_000;
const FORGET_MS = 600_000;
const PAGE = 1_000;
const STOP_MS = 1_000;

export interface ObservationOptions {
  readonly connections: Pick<Connections, "store" | "statistics">;
  readonly logger: Logger;
  /** Made after this, because it tells this. */
  readonly worker: () => Worker;
}

export class Observation {
  readonly observer: Observer;
  readonly stats: StatsReader;
  readonly workers: WorkersApi;
  readonly #options: ObservationOptions;
  readonly #statistics: Statistics;
  #loops: readonly Loop[] = [];

  constructor(options: ObservationOptions) {
    this.#options = options;
    const { connections, logger, worker } = options;
    const { store, statistics } = connections;
    this.#statistics = new Statistics({ store: statistics, logger, now: () => worker().clock.now() });
    this.observer = this.#statistics;
    this.workers = new WorkersApi(statistics);
    this.stats = new StatsReader({
      statistics,
      plan: (key) => worker().plans.get(key),
      flush: () => this.#statistics.flush(),
      liveWorkers: () => store.liveWorkers(),
      now: () => store.now(),
    });
  }

  /** Every process counts; those that maintain do the rest. */
  start({ maintain }: { readonly maintain: boolean }): void {
    const { statistics } = this.#options.connections;
    const flush = async (): Promise<number> => {
      await this.#statistics.flush();
      return FLUSH_MS;
    };
    const sample = async (): Promise<number> => {
      await statistics.sample();
      return SAMPLE_MS;
    };
    const forget = async (): Promise<number> => ((await statistics.forget(PAGE)) === PAGE ? 0 : FORGET_MS);
    this.#loops = [this.#loop("counts", flush)];
    if (maintain)
      this.#loops = [...this.#loops, this.#loop("samples", sample), this.#loop("old counts", forget)];
    for (const loop of this.#loops) loop.start();
  }

  /** Stores what is left, where PostgreSQL answers in time. */
  async stop(): Promise<void> {
    const stopping = Promise.all(this.#loops.map((loop) => loop.stop())).then(() => this.#statistics.flush());
    const late = new Promise((resolve) => setTimeout(resolve, STOP_MS).unref());
    await Promise.race([stopping, late]);
  }

  #loop(name: string, round: () => Promise<number>): Loop {
    return new Loop({ name, round, logger: this.#options.logger, random: Math.random, errorMs: FLUSH_MS });
  }
}
