/**
 * What workspaces do to each other, on servers of their own with fsync on. Each part checks its own result and prints one line of JSON.
 *
 * - `noisy`: one workspace queues very many runs, another starts one now and then: how long its actions wait for their beginning, quiet and not.
 * - `weights`: two workspaces with the weights 1 and 3 have work all the time: their shares of what ends.
 * - `rate`: a limit over several worker processes, one of which is killed and whose Redis is flushed: beginnings per second.
 * - `held`: very many node runs are held back: the memory of Redis, and how fast the first and the last of them are admitted.
 *
 *     node test/bench/sharing.ts [--part noisy [--ms 20] [--elsewhere]] [--backend postgres] [--runs 20000] [--seconds 30] [--workers 8] [--rate 100]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import pg from "pg";
import { z } from "zod";
import {
  createEngine,
  defineAction,
  defineWorkflow,
  type Engine,
  type EngineOptions,
} from "../../src/index.ts";
import { startPostgres } from "../support/postgres.ts";
import { startRedis } from "../support/redis.ts";

const { values } = parseArgs({
  options: {
    part: { type: "string" },
    /** Of `noisy`: how long the actions of the one that floods wait. Default: 20, and then 0. */
    ms: { type: "string" },
    /** Of `noisy`: another process stores what floods. */
    elsewhere: { type: "boolean", default: false },
    backend: { type: "string", default: "redis" },
    runs: { type: "string", default: "20000" },
    seconds: { type: "string", default: "30" },
    workers: { type: "string", default: "8" },
    rate: { type: "string", default: "100" },
    /** Of another process: one that works, or one that floods with actions of so many milliseconds. */
    connect: { type: "string" },
    flood: { type: "string" },
  },
});
const runs = Number(values.runs);
const seconds = Number(values.seconds);

/** When each action of the quiet workspace began, by the number of its run. */
const begun = new Map<number, () => void>();

const work = defineAction({
  name: "work",
  input: z.object({ n: z.number(), ms: z.number() }),
  effect: "idempotent",
  run: async ({ input: { n, ms } }) => {
    begun.get(n)?.();
    if (ms > 0) await sleep(ms);
    return null;
  },
});

const flow = defineWorkflow({
  name: "one",
  input: z.object({ n: z.number(), ms: z.number() }),
  build: ({ action, input }) => void action("a", "work", { n: input.n, ms: input.ms }),
});

if (values.connect === undefined) await bench();
else await otherProcess(JSON.parse(values.connect) as EngineOptions);

async function otherProcess(connection: EngineOptions): Promise<void> {
  if (values.flood === undefined) return workerProcess(connection);
  const ms = Number(values.flood);
  const options = { work: false, maintain: false };
  await withEngine({ connection }, options, (engine) => flood(engine, "loud", { runs, ms }));
}

async function workerProcess(connection: EngineOptions): Promise<void> {
  const engine = createEngine({
    ...connection,
    actions: [work],
    workflows: [flow],
    worker: { concurrency: 20 },
  });
  await engine.start();
  process.send!("started");
  process.on("message", () => void engine.stop({ timeout: "2s" }).then(() => process.exit(0)));
}

async function bench(): Promise<void> {
  const parts: { readonly [part: string]: (servers: Servers) => Promise<object> } = {
    noisy,
    weights,
    rate,
    held,
  };
  for (const [part, run] of Object.entries(parts)) {
    if (values.part !== undefined && values.part !== part) continue;
    await using postgres = await startPostgres({ fsync: true, settings: { shared_buffers: "512MB" } });
    const redis = await startRedis({ durable: false });
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    try {
      const connection = {
        postgres: postgres.url,
        ...(values.backend === "redis" ? { redis: redis.url } : {}),
      };
      const found = await run({ connection, client, redis: redis.url });
      process.stdout.write(`${JSON.stringify({ part, backend: values.backend, runs, ...found })}\n`);
    } finally {
      await client.end();
      await redis.stop();
    }
  }
}

interface Servers {
  readonly connection: EngineOptions;
  readonly client: pg.Client;
  readonly redis: string;
}

async function withEngine<T>(
  { connection }: Pick<Servers, "connection">,
  options: { readonly work?: boolean; readonly maintain?: boolean },
  use: (engine: Engine) => Promise<T>,
): Promise<T> {
  const engine = createEngine({ ...connection, actions: [work], workflows: [flow] });
  await engine.start(options);
  try {
    return await use(engine);
  } finally {
    await engine.stop({ timeout: "2s" });
  }
}

async function flood(
  engine: Engine,
  workspace: string,
  of: { readonly runs: number; readonly ms: number },
): Promise<void> {
  const PAGE = 1_000;
  for (let at = 0; at < of.runs; at += PAGE) {
    const starts = Array.from({ length: Math.min(PAGE, of.runs - at) }, () => ({
      input: { n: -1, ms: of.ms },
      workspace,
    }));
    await engine.runs.startMany(flow, starts);
  }
}

function quantile(sorted: readonly number[], part: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]! * 10) / 10;
}

async function count(client: pg.Client, where: string): Promise<number> {
  const { rows } = await client.query<{ n: string }>(
    `select count(*) as n from flowforge.runs r where ${where}`,
  );
  return Number(rows[0]!.n);
}

// ---------------------------------------------------------------- noisy

async function noisy(servers: Servers): Promise<object> {
  return withEngine(servers, {}, async (engine) => {
    const result: { [what: string]: object } = {};
    let n = 0;
    const latencies = async (starts: number): Promise<readonly number[]> => {
      const found: number[] = [];
      for (let at = 0; at < starts; at++) {
        const own = ++n;
        const began = Promise.withResolvers<void>();
        begun.set(own, began.resolve);
        const from = performance.now();
        await engine.runs.start(flow, { input: { n: own, ms: 0 }, workspace: "quiet" });
        await began.promise;
        found.push(performance.now() - from);
        begun.delete(own);
        await sleep(Math.max(0, 200 - (performance.now() - from)));
      }
      return found.toSorted((a, b) => a - b);
    };
    await latencies(20);
    for (const ms of values.ms === undefined ? [20, 0] : [Number(values.ms)]) {
      const quiet = await latencies(50);
      const flooding = values.elsewhere ? floodElsewhere(servers, ms) : flood(engine, "loud", { runs, ms });
      await sleep(1_000);
      const storing = await latencies(25);
      await flooding;
      const loud = await latencies(50);
      const left = await count(servers.client, "r.workspace = 'loud' and r.finished_at is null");
      if (left === 0)
        throw new Error("The flood was over before the end: the figures mean nothing. Give more --runs.");
      while ((await count(servers.client, "r.finished_at is null")) > 0) await sleep(500);
      const about = (list: readonly number[]) => ({ p50: quantile(list, 0.5), p99: quantile(list, 0.99) });
      result[ms === 0 ? "noOp" : `wait${ms}ms`] = {
        quiet: about(quiet),
        /** While the other one's runs are being stored, by the same process or another one. */
        storing: about(storing),
        /** While they wait. */
        loud: about(loud),
        left,
      };
    }
    return result;
  });
}

async function floodElsewhere({ connection }: Servers, ms: number): Promise<void> {
  const from = ["--connect", JSON.stringify(connection), "--flood", String(ms), "--runs", String(runs)];
  const [code] = (await once(fork(new URL(import.meta.url), from), "exit")) as [number | null];
  if (code !== 0) throw new Error(`The process that floods ended with ${code}.`);
}

// ---------------------------------------------------------------- weights

async function weights(servers: Servers): Promise<object> {
  return withEngine(servers, {}, async (engine) => {
    await engine.workspaces.setLimits("one", { weight: 1 });
    await engine.workspaces.setLimits("three", { weight: 3 });
    await Promise.all(["one", "three"].map((workspace) => flood(engine, workspace, { runs, ms: 20 })));
    const ended = async (): Promise<readonly [number, number]> => [
      await count(servers.client, "r.workspace = 'one' and r.finished_at is not null"),
      await count(servers.client, "r.workspace = 'three' and r.finished_at is not null"),
    ];
    const [one, three] = await ended();
    // Until the heavier one has a tenth of its work left.
    let now = [one, three] as readonly [number, number];
    while (now[1] < runs * 0.9 && now[0] < runs * 0.9) {
      await sleep(200);
      now = await ended();
    }
    const [ofOne, ofThree] = [now[0] - one, now[1] - three];
    return { before: [one, three], ofOne, ofThree, ratio: Math.round((ofThree / ofOne) * 1_000) / 1_000 };
  });
}

// ---------------------------------------------------------------- rate

async function rate(servers: Servers): Promise<object> {
  const limit = Number(values.rate);
  const redis = new Redis(servers.redis);
  return withEngine(servers, { work: false, maintain: false }, async (engine) => {
    await engine.workspaces.setLimits("acme", { rate: { limit, burst: Math.ceil(limit / 5) } });
    await flood(engine, "acme", { runs: Math.ceil(limit * (seconds + 30)), ms: 5 });
    const processes = await Promise.all(
      Array.from({ length: Number(values.workers) }, async () => {
        const child = fork(new URL(import.meta.url), ["--connect", JSON.stringify(servers.connection)]);
        await new Promise((resolve) => child.once("message", resolve));
        return child;
      }),
    );
    const from = await databaseNow(servers.client);
    await sleep((seconds * 1_000) / 3);
    processes[0]!.kill("SIGKILL");
    const killedAt = Math.floor(((await databaseNow(servers.client)) - from) / 1_000);
    await sleep((seconds * 1_000) / 3);
    await redis.flushall();
    const flushedAt = Math.floor(((await databaseNow(servers.client)) - from) / 1_000);
    await sleep((seconds * 1_000) / 3);
    const { rows } = await servers.client.query<{ second: number; n: string }>(
      `select floor((started_at - $1) / 1000.0)::int as second, count(*) as n from flowforge.node_runs
       where started_at >= $1 group by 1 order by 1`,
      [from],
    );
    const left = await count(servers.client, "r.finished_at is null");
    for (const child of processes.slice(1)) child.send("stop");
    if (left === 0) throw new Error("The work was over before the end: the figures mean nothing.");
    redis.disconnect();
    const perSecond = Array.from({ length: seconds }, (_, second) =>
      Number(rows.find((row) => row.second === second)?.n ?? 0),
    );
    const sorted = perSecond.toSorted((a, b) => a - b);
    const sum = perSecond.reduce((a, b) => a + b, 0);
    return {
      limit,
      killedAt,
      flushedAt,
      mean: Math.round((sum / seconds) * 10) / 10,
      least: sorted[0],
      most: sorted.at(-1),
      perSecond,
    };
  });
}

async function databaseNow(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ now: string }>("select flowforge.now() as now");
  return Number(rows[0]!.now);
}

// ---------------------------------------------------------------- held

async function held(servers: Servers): Promise<object> {
  const redis = new Redis(servers.redis);
  const memory = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await redis.info("memory"))![1]);
  try {
    const before = await withEngine(servers, { work: false, maintain: false }, async (engine) => {
      await engine.workspaces.setLimits("acme", { queued: 1_000 });
      const empty = await memory();
      await flood(engine, "acme", { runs, ms: 0 });
      const { rows } = await servers.client.query<{ n: string }>(
        "select count(*) as n from flowforge.node_runs where held_for is not null",
      );
      return { heldBack: Number(rows[0]!.n), redisBytes: (await memory()) - empty };
    });
    const from = await databaseNow(servers.client);
    await withEngine(servers, {}, async () => {
      // Counting them all would cost more the nearer the end is, and would itself be measured.
      while (await isAnyUnderWay(servers.client)) await sleep(1_000);
    });
    return { ...before, admittedPerSecond: await tenths(servers.client, from) };
  } finally {
    redis.disconnect();
  }
}

async function isAnyUnderWay(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ left: boolean }>(
    `select exists (select from flowforge.runs where workspace = 'acme' and finished_at is null) as left`,
  );
  return rows[0]!.left;
}

/** Beginnings per second in the first, second and last tenth of them. */
async function tenths(client: pg.Client, from: number): Promise<object> {
  const { rows } = await client.query<{ tenth: number; end: string; n: string }>(
    `select tenth, max(started_at) as end, count(*) as n
     from (select started_at, ntile(10) over (order by started_at) as tenth from flowforge.node_runs where started_at >= $1) t
     group by tenth order by tenth`,
    [from],
  );
  const ends = [from, ...rows.map(({ end }) => Number(end))];
  const rate = (tenth: number): number =>
    Math.round((Number(rows[tenth]!.n) / (ends[tenth + 1]! - ends[tenth]!)) * 1_000);
  return { first: rate(0), second: rate(1), last: rate(9), all: rows.map((_, tenth) => rate(tenth)) };
}
