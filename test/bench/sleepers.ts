/**
 * What runs that wait for hours cost: keys and memory of the queue, the time to store them, and how late they wake when all of
 * them fall due at the same moment (the database's clock is moved).
 *
 *     node test/bench/sleepers.ts [--runs 100000] [--concurrency 200]
 */
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

async function queueSize(): Promise<{ readonly keys: number; readonly bytes: number }> {
  const info = await queue.info("memory");
  return { keys: await queue.dbsize(), bytes: Number(/used_memory_dataset:(\d+)/.exec(info)![1]) };
}

async function one<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Row> {
  const { rows } = await admin.query<Row>(text, [...params]);
  return rows[0]!;
}

const awake = (): Promise<{ n: number }> =>
  one("select count(*)::int4 as n from flowforge.runs where status = 'succeeded'");

const worker = { concurrency: Number(values.concurrency) };
await using engine = createEngine({ postgres: postgres.url, redis: redis.url, worker, actions: [add()] });
await engine.start();
// Whatever keys the queue needs by itself are there after a first run.
await (await engine.runs.start(defineWorkflow(chain(2)), { input: { n: 0 } })).result();
const before = await queueSize();
const began = performance.now();
for (let stored = 0; stored < runs; stored += BATCH) {
  const starts = Array.from({ length: Math.min(BATCH, runs - stored) }, () => ({}));
  await engine.runs.startMany(sleeper, starts);
}
const storedPerSecond = Math.round(runs / ((performance.now() - began) / 1_000));
const asleep = await queueSize();

await shiftClock(admin, 7 * HOUR_MS);
const { now } = await one<{ now: string }>("select flowforge.now() as now");
while ((await awake()).n <= runs) await new Promise((resolve) => setTimeout(resolve, 250));
const late = await one<{ p50: number; p99: number; max: number }>(
  `select percentile_cont(0.5) within group (order by finished_at - $1::bigint) as p50,
     percentile_cont(0.99) within group (order by finished_at - $1::bigint) as p99,
     max(finished_at - $1::bigint)::float8 as max
   from flowforge.node_runs where node = 'w'`,
  [now],
);
const woken = { lateMs: late, perSecond: Math.round(runs / (late.max / 1_000)) };
console.log(JSON.stringify({ bench: "sleepers", runs, storedPerSecond, queue: { before, asleep }, woken }));
await engine.stop();
await admin.end();
queue.disconnect();
