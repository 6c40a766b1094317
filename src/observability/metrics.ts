/** What happens in this process as metrics of OpenTelemetry. Durations are in seconds. Workspaces are no attribute: there may be too many of them. */
import type {
  Attributes,
  BatchObservableCallback,
  Counter,
  Histogram,
  Meter,
  Observable,
} from "@opentelemetry/api";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Outcome } from "../worker/attempt.ts";
import type {
  AttemptWatch,
  Batch,
  DefinitionPlace,
  ObservedAttempt,
  ObservedNode,
  ObservedRun,
  Observer,
} from "../worker/observer.ts";
import type { OpenTelemetry } from "./open-telemetry.ts";

type IntervalHistogram = ReturnType<typeof monitorEventLoopDelay>;

/** Work of a lane, and what else is asked for when metrics are collected. */
export interface Depths {
  readonly lanes: readonly {
    readonly lane: string;
    readonly ready: number;
    /** Of these. */
    readonly held: number;
    readonly queued: number;
    readonly running: number;
  }[];
  readonly active: number;
  readonly deadLetters: number;
  readonly stuck: number;
  readonly openBreakers: number;
}

export interface MetricsOptions {
  readonly depths: () => Promise<Depths>;
  readonly onError: (error: unknown) => void;
}

export class Metrics implements Observer {
  readonly #started: Counter;
  readonly #ended: Counter;
  readonly #runTime: Histogram;
  readonly #attemptTime: Histogram;
  readonly #queueTime: Histogram;
  readonly #retries: Counter;
  readonly #deadLetters: Counter;
  readonly #fenced: Counter;
  readonly #definitions: Counter;
  readonly #batchSize: Histogram;
  readonly #batchTime: Histogram;
  readonly #loop: IntervalHistogram = monitorEventLoopDelay({ resolution: 20 });
  readonly #stop: () => void;

  constructor(api: OpenTelemetry, options: MetricsOptions) {
    const meter = api.metrics.getMeter("flowforge");
    const counter = (name: string, description: string): Counter =>
      meter.createCounter(`flowforge.${name}`, { description });
    const seconds = (name: string, description: string): Histogram =>
      meter.createHistogram(`flowforge.${name}`, { description, unit: "s" });
    this.#started = counter("runs.started", "Runs that began");
    this.#ended = counter("runs.ended", "Runs that came to rest, by status");
    this.#runTime = seconds("run.duration", "From the start of a run to its end");
    this.#attemptTime = seconds("attempt.duration", "Of attempts, by workflow, node and outcome");
    this.#queueTime = seconds("queue.wait", "From the queue to a worker");
    this.#retries = counter("attempts.retries", "Attempts that were not the first");
    this.#deadLetters = counter("dead_letters", "Dead letters that were opened");
    this.#fenced = counter("commits.fenced", "Late answers that were refused");
    this.#definitions = counter("definitions.loads", "Definitions that were needed, by where they were");
    this.#batchSize = meter.createHistogram("flowforge.commit.entries", {
      description: "Transitions of one commit",
    });
    this.#batchTime = seconds("commit.duration", "Of commits");
    this.#loop.enable();
    this.#stop = observed(meter, this.#loop, options);
  }

  runBegan({ workflow }: ObservedRun): void {
    this.#started.add(1, { "flowforge.workflow": workflow });
  }

  runEnded(
    { workflow }: ObservedRun,
    { status, ms }: { readonly status: string; readonly ms: number },
  ): void {
    const attributes = { "flowforge.workflow": workflow, "flowforge.status": status };
    this.#ended.add(1, attributes);
    this.#runTime.record(ms / 1_000, attributes);
  }

  taken(node: ObservedNode, queuedMs: number): void {
    this.#queueTime.record(queuedMs / 1_000, nodeOf(node));
  }

  attempt(attempt: ObservedAttempt): AttemptWatch {
    const at = performance.now();
    return {
      ended: (outcome) => {
        const attributes = { ...nodeOf(attempt), "flowforge.outcome": outcomeOf(outcome) };
        this.#attemptTime.record((performance.now() - at) / 1_000, attributes);
        if (attempt.attempt > 1) this.#retries.add(1, nodeOf(attempt));
      },
    };
  }

  deadLetter(node: ObservedNode): void {
    this.#deadLetters.add(1, nodeOf(node));
  }

  fenced(node: ObservedNode): void {
    this.#fenced.add(1, nodeOf(node));
  }

  batch({ entries, ms }: Batch): void {
    this.#batchSize.record(entries);
    this.#batchTime.record(ms / 1_000);
  }

  definition(from: DefinitionPlace): void {
    this.#definitions.add(1, { "flowforge.source": from });
  }

  close(): void {
    this.#stop();
    this.#loop.disable();
  }
}

/** Asked when the host's SDK collects. */
function observed(meter: Meter, loop: IntervalHistogram, { depths, onError }: MetricsOptions): () => void {
  const gauge = (name: string, description: string): Observable =>
    meter.createObservableGauge(`flowforge.${name}`, { description });
  const depth = gauge("queue.depth", "Node runs by lane and state");
  const heldBack = gauge("queue.held", "Node runs by lane that their workspace has no room for");
  const active = gauge("runs.active", "Runs that are not at rest");
  const letters = gauge("dead_letters.open", "Dead letters that are open");
  const stuck = gauge("runs.stuck", "Runs that should move and do not");
  const breakers = gauge("breakers.open", "Circuit breakers that are not closed");
  const delay = meter.createObservableGauge("flowforge.event_loop.delay", {
    description: "99th percentile since the last collection",
    unit: "s",
  });
  const ask: BatchObservableCallback = async (result) => {
    result.observe(delay, loop.percentile(99) / 1e9);
    loop.reset();
    try {
      const now = await depths();
      result.observe(active, now.active);
      result.observe(letters, now.deadLetters);
      result.observe(stuck, now.stuck);
      result.observe(breakers, now.openBreakers);
      for (const { lane, held, ...states } of now.lanes) {
        result.observe(heldBack, held, { "flowforge.lane": lane });
        for (const [state, count] of Object.entries(states))
          result.observe(depth, count, { "flowforge.lane": lane, "flowforge.state": state });
      }
    } catch (error) {
      onError(error);
    }
  };
  const all = [depth, heldBack, active, letters, stuck, breakers, delay];
  meter.addBatchObservableCallback(ask, all);
  return () => meter.removeBatchObservableCallback(ask, all);
}

function nodeOf({ workflow, node }: ObservedNode): Attributes {
  return { "flowforge.workflow": workflow, "flowforge.node": node };
}

function outcomeOf(outcome: Outcome): string {
  return outcome.type === "failed" && outcome.verdict.type === "notYet" ? "notYet" : outcome.type;
}
