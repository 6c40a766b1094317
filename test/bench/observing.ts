/**
 * What logs, traces and metrics cost: chains of ten steps with everything switched off and on, in turns, on one server. The actions do nothing, or write one line
 * each, so this is the worst case. "unsampled" is everything, with a
 * sampler that wants no trace. "off" keeps what `engine.stats()` counts, which cannot be switched off.
 *
 *     node test/bench/observing.ts [--runs 500] [--rounds 5] [--modes off,all]
 */
import { parseArgs } from "node:util";
import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  AlwaysOffSampler,
  BatchSpanProcessor,
  InMemorySpanExporter,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { createEngine, defineWorkflow, type Engine, type EngineOptions } from "../../src/index.ts";
import { action, chain } from "../integration/engine/documents.ts";
import { startPostgres } from "../support/postgres.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "500" },
    rounds: { type: "string", default: "5" },
    modes: { type: "string" },
  },
});
const runs = Number(values.runs);
const exporter = new InMemorySpanExporter();
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
metrics.setGlobalMeterProvider(
  new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter: measured, exportIntervalMillis: 10_000 })],
  }),
);
await using postgres = await startPostgres({ fsync: true, settings: { shared_buffers: "512MB" } });

const quiet = action("add", ({ input }) => ({ n: (input as { n: number }).n + 1 }));
const talking = action("add", ({ input, logger }) => {
  logger.info({ input }, "adds one");
  return { n: (input as { n: number }).n + 1 };
});
const modes: Record<string, EngineOptions> = {
  off: { actions: [quiet], logs: { lines: 0 } },
  logs: { actions: [talking] },
  telemetry: { actions: [quiet], telemetry: true },
  all: { actions: [talking], telemetry: true },
  unsampled: { actions: [talking], telemetry: true },
};
const chosen = values.modes?.split(",") ?? Object.keys(modes);

function traceAs(mode: string): void {
  trace.disable();
  const spanProcessors = [new BatchSpanProcessor({ exporter })];
  const sampler = mode === "unsampled" ? { sampler: new AlwaysOffSampler() } : {};
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors, ...sampler }));
}

async function wave(engine: Engine, amount: number): Promise<void> {
  const starts = Array.from({ length: amount }, (_, n) => ({ input: { n } }));
  const handles = await engine.runs.startMany(defineWorkflow(chain(10)), starts);
  await Promise.all(handles.map((handle) => handle.result({ timeout: "5m" })));
}

const speeds: Record<string, { steps: number; cpu: number }[]> = {};
for (let round = 0; round < Number(values.rounds); round++) {
  const order = Object.entries(modes).filter(([name]) => chosen.includes(name));
  for (const [name, options] of round % 2 === 0 ? order : order.toReversed()) {
    traceAs(name);
    await using engine = createEngine({ postgres: postgres.url, ...options });
    await engine.start();
    await wave(engine, 100);
    exporter.reset();
    const before = process.cpuUsage();
    const at = performance.now();
    await wave(engine, runs);
    const steps = (runs * 10) / ((performance.now() - at) / 1_000);
    const { user, system } = process.cpuUsage(before);
    (speeds[name] ??= []).push({ steps, cpu: (user + system) / (runs * 10) });
  }
}
const median = (list: readonly number[]): number =>
  list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]!;
const off = median(speeds["off"]!.map(({ steps }) => steps));
for (const [name, list] of Object.entries(speeds)) {
  const steps = median(list.map((each) => each.steps));
  const cpu = median(list.map((each) => each.cpu));
  const line = {
    stepsPerSecond: Math.round(steps),
    ratio: Number((steps / off).toFixed(2)),
    nodeCpuMicrosPerStep: Math.round(cpu),
  };
  console.log(JSON.stringify({ bench: "observing", mode: name, ...line }));
}
process.exit(0);
