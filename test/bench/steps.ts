/**
 * What durable steps cost in the whole engine: one worker, actions that do nothing, real servers of its own with fsync on.
 * Beside every figure stands the bare committer on the same server in the same run (`floor.ts`), which is what the machine can give.
 *
 *     node test/bench/steps.ts [--backend redis|postgres|both] [--runs 1000] [--rounds 3] [--url postgres://...]
 *
 * - chain:   runs x 10 sequential steps, all started at once (mark S1)
 * - fan:     100 runs x (1 -> 50 parallel -> 1)             (mark S2)
 * - latency: one 10-step chain at a time                    (mark S3)
 */
import { execFile } from "node:child_process";
import path from "node:path";
import { parseArgs, promisify } from "node:util";
import { Redis } from "ioredis";
import pg from "pg";
import { createEngine, defineWorkflow, type Engine, type EngineOptions } from "../../src/index.ts";
import { add, chain, count, fan } from "../integration/engine/documents.ts";
import { startPostgres } from "../support/postgres.ts";
import { startRedis } from "../support/redis.ts";

const { values } = parseArgs({
  options: {
    backend: { type: "string", default: "both" },
    runs: { type: "string", default: "1000" },
    rounds: { type: "string", default: "3" },
    concurrency: { type: "string", default: "50" },
    floor: { type: "string", default: "yes" },
  },
});
const runs = Number(values.runs);
const rounds = Number(values.rounds);

await using postgres = await startPostgres({ fsync: true, settings: { shared_buffers: "512MB" } });
await using redis = await startRedis();
const admin = new pg.Client({ connectionString: postgres.url });
await admin.connect();
const queue = new Redis(redis.url);

interface Meter {
  readonly walBytes: number;
  readonly transactions: number;
  readonly rows: number;
  readonly redisCommands: number;
}

async function read(): Promise<Meter> {
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { rows } = await admin.query<{ wal: string; transactions: string; rows: string }>(
    `select pg_current_wal_lsn() - '0/0'::pg_lsn as wal, xact_commit as transactions,
       (select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) from pg_stat_user_tables where schemaname = 'flowforge') as rows
     from pg_stat_database where datname = current_database()`,
  );
  const info = await queue.info("stats");
  return {
    walBytes: Number(rows[0]!.wal),
    transactions: Number(rows[0]!.transactions),
    rows: Number(rows[0]!.rows),
    redisCommands: Number(/total_commands_processed:(\d+)/.exec(info)![1]),
  };
}

const round = (value: number, digits = 3): number => Number(value.toFixed(digits));

/** An engine of its own for each section: sessions report what they did when they end, and not before. */
async function metered(
  options: EngineOptions,
  steps: number,
  work: (engine: Engine) => Promise<unknown>,
): Promise<object> {
  const before = await read();
  const engine = createEngine(options);
  await engine.start();
  const cpuBefore = process.cpuUsage();
  const at = performance.now();
  await work(engine);
  const ms = performance.now() - at;
  const cpu = process.cpuUsage(cpuBefore);
  await engine.stop();
  const after = await read();
  const per = (key: keyof Meter): number => round((after[key] - before[key]) / steps);
  return {
    stepsPerSecond: Math.round((steps / ms) * 1000),
    nodeCpuMicrosPerStep: round((cpu.user + cpu.system) / steps, 1),
    rowWritesPerStep: per("rows"),
    walBytesPerStep: Math.round(per("walBytes")),
    transactionsPerStep: per("transactions"),
    redisCommandsPerStep: per("redisCommands"),
  };
}

async function wave(engine: Engine, document: ReturnType<typeof chain>, amount: number): Promise<void> {
  const workflow = defineWorkflow(document);
  const starts = Array.from({ length: amount }, (_, n) => ({ input: { n } }));
  const handles = await engine.runs.startMany(workflow, starts);
  await Promise.all(handles.map((handle) => handle.result({ timeout: "5m" })));
}

async function latency(engine: Engine): Promise<object> {
  const workflow = defineWorkflow(chain(10));
  const times: number[] = [];
  for (let n = 0; n < 220; n++) {
    const at = performance.now();
    const run = await engine.runs.start(workflow, { input: { n } });
    await run.result({ timeout: "1m" });
    if (n >= 20) times.push(performance.now() - at);
  }
  const commits = await elevenCommits();
  const quantile = (list: number[], q: number): number =>
    round(list.toSorted((a, b) => a - b)[Math.floor(list.length * q)]!, 2);
  const floor = quantile(commits, 0.5);
  const p50 = quantile(times, 0.5);
  return { p50, p99: quantile(times, 0.99), elevenCommitsP50: floor, ratio: round(p50 / floor, 2) };
}

/** The least that eleven durable states cost here: eleven commits of one row each, one after the other. */
async function elevenCommits(): Promise<number[]> {
  await admin.query("create table if not exists bench_floor (id serial primary key, data json)");
  const times: number[] = [];
  for (let n = 0; n < 100; n++) {
    const at = performance.now();
    for (let i = 0; i < 11; i++)
      await admin.query({
        name: "one",
        text: "insert into bench_floor (data) values ($1)",
        values: ['{"n":1}'],
      });
    times.push(performance.now() - at);
  }
  return times;
}

async function bareCommitter(): Promise<number> {
  const script = path.join(import.meta.dirname, "floor.ts");
  const options = ["--runs", String(runs), "--rounds", "2"];
  const { stdout } = await promisify(execFile)(process.execPath, [script, postgres.url, ...options]);
  return (JSON.parse(stdout) as { best: number }).best;
}

async function bench(backend: string): Promise<void> {
  const connection: EngineOptions = {
    postgres: postgres.url,
    queuePrefix: `bench_${backend}`,
    ...(backend === "redis" ? { redis: redis.url } : {}),
  };
  const worker = { concurrency: Number(values.concurrency) };
  for (let n = 0; n < rounds; n++) {
    const floor = values.floor === "yes" ? await bareCommitter() : 0;
    const options = { ...connection, worker, actions: [add(), count()] };
    await metered(options, 1, (engine) => wave(engine, chain(10), 200));
    const chains = await metered(options, runs * 10, (engine) => wave(engine, chain(10), runs));
    const fans = await metered(options, 100 * 52, (engine) => wave(engine, fan(50), 100));
    await using engine = createEngine(options);
    await engine.start();
    const single = await latency(engine);
    const line = { bench: "steps", backend, round: n, bareCommitterStepsPerSecond: floor };
    console.log(JSON.stringify({ ...line, chain: chains, fan: fans, latencyMs: single }));
  }
}

for (const backend of values.backend === "both" ? ["redis", "postgres"] : [values.backend])
  await bench(backend);
await admin.end();
queue.disconnect();
