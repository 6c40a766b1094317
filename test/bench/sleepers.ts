/**
 * What runs that wait for hours cost: keys and memory of the queue, the time to store them, and how late they wake.
 *
 *     node test/bench/sleepers.ts [--runs 100000] [--concurrency 200]
 *
 * All of them fall due at the same moment (the database's clock is moved).
 *
 *     node test/bench/sleepers.ts --due 1000 [--seconds 30] [--runs 100000]
 *
 * They go on sleeping, and beside them so many others fall due in each second, evenly: how late the step behind each wait starts, by
 * the database's clock, and how much of the machine was idle meanwhile.
 */
import os from "node:os";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import pg from "pg";
import { createEngine, defineWorkflow } from "../../src/index.ts";
import { add, chain } from "../integration/engine/documents.ts";
import { startPostgres } from "../support/postgres.ts";
import { startRedis } from "../support/redis.ts";
import { shiftClock } from "../support/shift-clock.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "100000" },
    due: { type: "string" },
    seconds: { type: "string", default: "30" },
    concurrency: { type: "string", default: "200" },
  },
});
const runs = Number(values.runs);
const BATCH = 2_000;
const HOUR_MS = 3_600_000;

await using postgres = await startPostgres({ fsync: true, settings: { shared_buffers: "512MB" } });
await using redis = await startRedis();
const admin = new pg.Client({ connectionString: postgres.url });
await admin.connect();
const queue = new Redis(redis.url);

const sleeper = defineWorkflow({
  format: 1,
  name: "sleeper",
  nodes: { w: { kind: "wait", for: { duration: "6h" } } },
  edges: [],
  output: { woke: true },
});

const punctual = defineWorkflow({
  format: 1,
  name: "punctual",
  nodes: {
    w: { kind: "wait", for: { until: "{{ input.at }}" } },
    step: { kind: "action", action: "add", input: { n: 1 } },
  },
  edges: [{ from: "w", to: "step" }],
});

async function queueSize(): Promise<{ readonly keys: number; readonly bytes: number }> {
  const info = await queue.info("memory");
  return { keys: await queue.dbsize(), bytes: Number(/used_memory_dataset:(\d+)/.exec(info)![1]) };
}

async function one<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Row> {
  const { rows } = await admin.query<Row>(text, [...params]);
  return rows[0]!;
}

async function ended(workflow: string, count: number): Promise<void> {
  const text = "select count(*)::int4 as n from flowforge.runs where workflow = $1 and status = 'succeeded'";
  while ((await one<{ n: number }>(text, [workflow])).n < count)
    await new Promise((resolve) => setTimeout(resolve, 250));
}

interface Late {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** `late`: an expression over the tables that `from` names. */
function lateness(late: string, from: string, params: readonly unknown[] = []): Promise<Late> {
  const at = (part: number): string => `percentile_cont(${part}) within group (order by ${late})`;
  const max = `max(${late})::float8`;
  return one(`select ${at(0.5)} as p50, ${at(0.99)} as p99, ${max} as max from ${from}`, params);
}

async function store(count: number, start: (index: number) => { readonly input?: object }): Promise<number> {
  const began = performance.now();
  const workflow = "input" in start(0) ? punctual : sleeper;
  for (let stored = 0; stored < count; stored += BATCH) {
    const length = Math.min(BATCH, count - stored);
    await engine.runs.startMany(
      workflow,
      Array.from({ length }, (_, index) => start(stored + index)),
    );
  }
  return Math.round(count / ((performance.now() - began) / 1_000));
}

/** All at once. */
async function wakeAll(): Promise<object> {
  await shiftClock(admin, 7 * HOUR_MS);
  const { now } = await one<{ now: string }>("select flowforge.now() as now");
  await ended("sleeper", runs);
  const lateMs = await lateness("finished_at - $1::bigint", "flowforge.node_runs where node = 'w'", [now]);
  return { lateMs, perSecond: Math.round(runs / (lateMs.max / 1_000)) };
}

/** The others go on sleeping. */
async function wakeSome(perSecond: number, seconds: number): Promise<object> {
  const count = perSecond * seconds;
  const { now } = await one<{ now: string }>("select flowforge.now() as now");
  // Time to store them all.
  const from = Number(now) + 5_000 + count;
  await store(count, (index) => ({ input: { at: from + Math.floor((index * 1_000) / perSecond) } }));
  const { now: stored } = await one<{ now: string }>("select flowforge.now() as now");
  const restMs = from - Number(stored);
  if (restMs < 0) throw new Error(`They were stored ${-restMs} ms too late.`);
  await new Promise((resolve) => setTimeout(resolve, restMs));
  const asleep = await queueSize();
  const before = { machine: cpuTimes(), process: process.cpuUsage() };
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const after = cpuTimes();
  const idle = (after.idle - before.machine.idle) / (after.all - before.machine.all);
  const { user, system } = process.cpuUsage(before.process);
  await ended("punctual", count);
  const lateMs = await lateness(
    "n.started_at - (r.input ->> 'at')::float8",
    "flowforge.node_runs n join flowforge.runs r on r.id = n.run_id where n.node = 'step'",
  );
  const cpu = { machineIdle: Number(idle.toFixed(2)), ownMs: Math.round((user + system) / 1_000) };
  // What was done is forgotten by then.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  return { woken: count, lateMs, cpu, queue: { asleep, after: await queueSize() } };
}

function cpuTimes(): { readonly idle: number; readonly all: number } {
  const times = os.cpus().map((each) => each.times);
  const sum = (of: (typeof times)[number]): number => of.user + of.nice + of.sys + of.idle + of.irq;
  return {
    idle: times.reduce((total, { idle }) => total + idle, 0),
    all: times.reduce((total, each) => total + sum(each), 0),
  };
}

const worker = { concurrency: Number(values.concurrency) };
await using engine = createEngine({ postgres: postgres.url, redis: redis.url, worker, actions: [add()] });
await engine.start();
// Whatever keys the queue needs by itself are there after a first run.
await (await engine.runs.start(defineWorkflow(chain(2)), { input: { n: 0 } })).result();
const before = await queueSize();
const storedPerSecond = await store(runs, () => ({}));
const asleep = await queueSize();
const woken =
  values.due === undefined ? await wakeAll() : await wakeSome(Number(values.due), Number(values.seconds));
console.log(JSON.stringify({ bench: "sleepers", runs, storedPerSecond, queue: { before, asleep }, woken }));
await engine.stop();
await admin.end();
queue.disconnect();
