/**
 * Four worker processes, of which one is cut off from Redis and one from PostgreSQL, for longer than a lease, and healed: every run ends
 * as it should. Nothing is done twice but what the process without PostgreSQL had in hand, and that under the same idempotency key.
 */
import { expect, test } from "vitest";
import { createEngine, defineWorkflow, type RunHandle } from "../../../src/index.ts";
import { partitionProxy } from "../../support/partition-proxy.ts";
import { describeRedis, redisUrl, testDatabase } from "../../support/servers.ts";
import { chain } from "../engine/documents.ts";
import { Effects, Processes } from "./processes.ts";

const STEPS = 5;
const WAVE = 40;
const WORKER = { concurrency: 10, inline: false, lease: "8s" } as const;
const WORKFLOW = defineWorkflow(chain(STEPS, "partitioned", "step"));

describeRedis("partitions", () => {
  test("one process without Redis, one without PostgreSQL, then healed", async () => {
    await using database = await testDatabase();
    await using traces = await testDatabase();
    const effects = await Effects.in(traces);
    const queuePrefix = database.name;
    const direct = { postgres: database.url, redis: redisUrl()!, queuePrefix };
    await using redis = await partitionProxy(direct.redis);
    await using postgres = await partitionProxy(direct.postgres);
    await using sound = new Processes(direct, effects);
    await using withoutRedis = new Processes({ ...direct, redis: redis.url }, effects);
    await using withoutPostgres = new Processes({ ...direct, postgres: postgres.url }, effects);
    const settings = { stepMs: 20, worker: WORKER };
    await sound.start(settings);
    await sound.start(settings);
    const cutFromRedis = await withoutRedis.start(settings);
    const cutFromPostgres = await withoutPostgres.start(settings);
    await using client = createEngine(direct);
    await client.start({ work: false, maintain: false });

    const runs: RunHandle[] = [];
    const wave = async (): Promise<void> => {
      const inputs = Array.from({ length: WAVE }, () => ({ input: { n: 0 } }));
      runs.push(...(await client.runs.startMany(WORKFLOW, inputs)));
    };
    const ended = (handles: readonly RunHandle[]): Promise<unknown[]> =>
      Promise.all(handles.map((run) => run.result({ timeout: "120s" })));
    const deadWorkers = (): Promise<{ pid: number }[]> =>
      database.query("select pid from flowforge.workers where dead_at is not null");

    await wave();
    await effects.reach(WAVE);
    redis.cut();
    postgres.cut();
    // All of them end without the two, so what these had in hand was taken over.
    await wave();
    await ended(runs);
    // However long it takes: the one without PostgreSQL cannot renew its lease.
    await expect.poll(deadWorkers, { timeout: 60_000 }).toContainEqual({ pid: cutFromPostgres.pid });
    await wave();
    redis.heal();
    postgres.heal();
    await ended(runs);

    // Both work again.
    for (const { pid } of [cutFromRedis, cutFromPostgres]) {
      const before = (await effects.byProcess()).get(pid) ?? 0;
      for (let tries = 0; tries < 50 && ((await effects.byProcess()).get(pid) ?? 0) === before; tries++) {
        const from = runs.length;
        await wave();
        await ended(runs.slice(from));
      }
      expect((await effects.byProcess()).get(pid) ?? 0).toBeGreaterThan(before);
    }

    expect(new Set(await ended(runs))).toEqual(new Set([STEPS]));
    const all = await effects.all();
    const done = new Map<string, typeof all>();
    for (const effect of all) {
      const key = `${effect.run_id} ${effect.node}`;
      done.set(key, [...(done.get(key) ?? []), effect]);
    }
    expect(done.size).toBe(runs.length * STEPS);
    for (const [, times] of [...done].filter(([, repeated]) => repeated.length > 1)) {
      expect(times.map(({ pid }) => pid)).toContain(cutFromPostgres.pid);
      expect(new Set(times.map(({ key }) => key)).size).toBe(1);
    }
    // Recorded once: a node run that had ended was never begun again.
    const [recorded] = await database.query<{ ends: number }>(
      "select count(*)::int as ends from flowforge.node_runs where node like 's_' and status = 'succeeded'",
    );
    expect(recorded?.ends).toBe(runs.length * STEPS);
  }, 240_000);
});
