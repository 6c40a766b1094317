/**
 * What an engine tells of itself: counts of what this process sees, which are stored every few seconds, samples of how much work there is,
 * and the calls that read them.
 */
import type { Logger } from "../core/ports/logger.ts";
import { AttemptLogs } from "../observability/attempt-logs.ts";
import type { StatisticsStore } from "../core/ports/statistics.ts";
import { Metrics } from "../observability/metrics.ts";
import { observers } from "../observability/observers.ts";
import type { OpenTelemetry } from "../observability/open-telemetry.ts";
import { exposition } from "../observability/prometheus.ts";
import { Tracing } from "../observability/tracing.ts";
import { Statistics, type StatisticsOptions } from "../observability/statistics.ts";
import { Loop } from "../worker/loop.ts";
import type { Observer } from "../worker/observer.ts";
import type { Worker } from "../worker/worker.ts";
import type { Connections } from "./connect.ts";
import type { ParsedOptions } from "./options.ts";
import { RunLogs } from "./run-logs.ts";
import { StatsReader } from "./stats.ts";
import { WorkersApi } from "./workers.ts";

const FLUSH_MS = 5_000;
const SAMPLE_MS = 30_000;
const FORGET_MS = 600_000;
const PAGE = 1_000;
const STOP_MS = 1_000;

type Parts = Pick<Connections, "store" | "statistics" | "logs" | "telemetry">;

interface Around extends Pick<StatisticsOptions, "onItemLetter"> {
  /** Is made after this, because it tells this. */
  readonly worker: () => Worker;
}

export class Observation {
  readonly observer: Observer;
  readonly stats: StatsReader;
  readonly workers: WorkersApi;
  readonly attemptLogs: AttemptLogs;
  readonly runLogs: RunLogs;
  readonly #logger: Logger;
  readonly #store: StatisticsStore;
  /** `null`: nobody traces. */
  readonly tracer: Tracing | null;
  readonly #metrics: Metrics | null;
  readonly #statistics: Statistics;
  #loops: readonly Loop[] = [];

  constructor(
    { logger, keptLogs: kept }: Pick<ParsedOptions, "logger" | "keptLogs">,
    { store, statistics, logs, telemetry }: Parts,
    { worker, onItemLetter }: Around,
  ) {
    this.#logger = logger;
    this.#store = statistics;
    this.attemptLogs = new AttemptLogs({ store: logs, logger, kept, now: () => worker().clock.now() });
    this.runLogs = new RunLogs(logs, () => this.attemptLogs.flush());
    this.#statistics = new Statistics({
      store: statistics,
      logger,
      now: () => worker().clock.now(),
      onItemLetter,
    });
    this.workers = new WorkersApi(statistics);
    this.stats = new StatsReader({
      statistics,
      plan: (key) => worker().plans.get(key),
      flush: () => this.#statistics.flush(),
      liveWorkers: () => store.liveWorkers(),
      now: () => store.now(),
    });
    this.tracer = telemetry && new Tracing(telemetry);
    this.#metrics = telemetry && this.#newMetrics(telemetry);
    const all = [this.#statistics, this.tracer, this.#metrics].filter((each) => each !== null);
    this.observer = telemetry ? observers(all) : this.#statistics;
  }

  /** What the worker tells, and takes. */
  get forWorker(): { readonly observer: Observer; readonly attemptLogs: AttemptLogs } {
    const { observer, attemptLogs } = this;
    return { observer, attemptLogs };
  }

  /** Every process counts; those that maintain do the rest. */
  start({ maintain }: { readonly maintain: boolean }): void {
    const statistics = this.#store;
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

  /** What has happened in this process, and how things stand, as Prometheus reads it. */
  async prometheus(): Promise<string> {
    return exposition(this.#statistics, await this.stats.standing());
  }

  #newMetrics(telemetry: OpenTelemetry): Metrics {
    return new Metrics(telemetry, {
      depths: () => this.stats.standing(),
      onError: (error) => this.#logger.debug({ error }, "how much work there is could not be asked for"),
    });
  }

  /** Stores what is left, and what `rest` has, where PostgreSQL answers in time. */
  async stop(rest: () => Promise<void>): Promise<void> {
    const stopping = Promise.all(this.#loops.map((loop) => loop.stop())).then(() =>
      Promise.all([this.#statistics.flush(), this.attemptLogs.flush(), rest()]),
    );
    const late = new Promise((resolve) => setTimeout(resolve, STOP_MS).unref());
    await Promise.race([stopping, late]);
    this.#metrics?.close();
    this.tracer?.close();
  }

  #loop(name: string, round: () => Promise<number>): Loop {
    return new Loop({ name, round, logger: this.#logger, random: Math.random, errorMs: FLUSH_MS });
  }
}
