/**
 * Redis with real sentinels: the master is killed while processes work on it, and the sentinels put its replica in its place. No call of the client's
 * fails, every run ends as it should. What the replica had not heard of when its master died is found in PostgreSQL.
 *
 * FLOWFORGE_SENTINEL_ROUNDS: how often. Default 1.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createEngine, defineWorkflow, type EngineOptions, type RunHandle } from "../../../src/index.ts";
import { type RedisSentinels, startRedisSentinels } from "../../support/redis-sentinel.ts";
import { describeRedis, testDatabase } from "../../support/servers.ts";
import { chain } from "../engine/documents.ts";
import { Effects, Processes } from "./processes.ts";

const ROUNDS = Number(process.env["FLOWFORGE_SENTINEL_ROUNDS"] ?? 1);
const STEPS = 6;
const WAVE = 8;
/** Longer than a busy machine may stand still: what is taken from a living worker is done twice by right. */
const WORKER = { inline: false, concurrency: 10, lease: "30s" } as const;
const WORKFLOW = defineWorkflow(chain(STEPS, "watched", "step"));

describeRedis("a Redis that sentinels watch over", () => {
  let sentinels: RedisSentinels;
  beforeAll(async () => void (sentinels = await startRedisSentinels()), 120_000);
  afterAll(() => sentinels?.[Symbol.asyncDispose]());

  test("its master is killed under load, a replica is promoted, and the old master comes back", async () => {
    await using database = await testDatabase();
    await using traces = await testDatabase();
    const effects = await Effects.in(traces);
    const { connection: redis } = sentinels;
    const connection: EngineOptions = { postgres: database.url, redis, queuePrefix: "watched" };
    await using processes = new Processes(connection, effects);
    for (let n = 0; n < 2; n++) await processes.start({ worker: WORKER });
    await using client = createEngine(connection);
    await client.start({ work: false, maintain: false });

    const runs: RunHandle[] = [];
    let isOver = false;
    // What a start throws fails the test.
    const load = (async () => {
      while (!isOver) {
        const inputs = Array.from({ length: WAVE }, () => ({ input: { n: 0 } }));
        const wave = await client.runs.startMany(WORKFLOW, inputs);
        runs.push(...wave);
        await Promise.race(wave.map((run) => run.result({ timeout: "90s" })));
      }
    })();
    load.catch(() => undefined);
    const progress = async (): Promise<void> => effects.reach((await effects.count()) + 3 * WAVE);

    await progress();
    for (let round = 0; round < ROUNDS; round++) {
      const killed = await sentinels.failOver();
      await progress();
      await killed.restart();
      await expect.poll(async () => (await client.health()).ready, { timeout: 30_000 }).toBe(true);
      await progress();
      expect(await sentinels.master()).not.toBe(killed);
    }
    isOver = true;
    await load;
    const results = await Promise.all(runs.map((run) => run.result({ timeout: "90s" })));
    expect(new Set(results)).toEqual(new Set([STEPS]));
    expect((await client.deadLetters.list({ state: "all" })).items).toEqual([]);
    expect(await effects.repeated()).toEqual([]);
    expect(await effects.count()).toBe(runs.length * STEPS);
  }, 300_000);
});
