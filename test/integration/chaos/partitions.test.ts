/**
 * Four workers in four processes. One is cut off from Redis and another one from PostgreSQL, while a client goes on starting runs; then both are
 * healed. No call of the client's fails, every run ends as it should, and those that were cut off work again.
 *
 * FLOWFORGE_PARTITION_ROUNDS: how often. Default 1.
 */
import { expect, test } from "vitest";
import { createEngine, defineWorkflow, type EngineOptions, type RunHandle } from "../../../src/index.ts";
import { cuttingProxy } from "../../support/cutting-proxy.ts";
import { describeRedis, redisUrl, testDatabase } from "../../support/servers.ts";
import { openBackend } from "../engine/backends.ts";
import { chain } from "../engine/documents.ts";
import { Effects, Processes } from "./processes.ts";

const ROUNDS = Number(process.env["FLOWFORGE_PARTITION_ROUNDS"] ?? 1);
const STEPS = 6;
const WAVE = 8;
const WORKER = { inline: false, concurrency: 10, lease: "3s" } as const;
const WORKFLOW = defineWorkflow(chain(STEPS, "parted", "step"));

describeRedis("partitions", () => {
  test("one of four workers is cut off from Redis and one from PostgreSQL, and both come back", async () => {
    await using backend = await openBackend("postgres+redis");
    await using traces = await testDatabase();
    await using toPostgres = await cuttingProxy(backend.database.url);
    await using toRedis = await cuttingProxy(redisUrl()!);
    const connection: EngineOptions = { ...backend.connection, redis: redisUrl()! };
    const effects = await Effects.in(traces);
    await using whole = new Processes(connection, effects);
    await using withoutRedis = new Processes({ ...connection, redis: toRedis.url }, effects);
    await using withoutPostgres = new Processes({ ...connection, postgres: toPostgres.url }, effects);
    await using client = createEngine(connection);
    await client.start({ work: false, maintain: false });
    const settings = { worker: WORKER, stepMs: 5 };
    const cutOff = [await withoutRedis.start(settings), await withoutPostgres.start(settings)];
    for (let n = 0; n < 2; n++) await whole.start(settings);

    const runs: RunHandle[] = [];
    let isOver = false;
    // What a start throws fails the test.
    const load = (async () => {
      while (!isOver) {
        const wave = await client.runs.startMany(
          WORKFLOW,
          Array.from({ length: WAVE }, () => ({ input: { n: 0 } })),
        );
        runs.push(...wave);
        await Promise.race(wave.map((run) => run.result({ timeout: "60s" })));
      }
    })();
    load.catch(() => undefined);
    const progress = async (): Promise<void> => effects.reach((await effects.count()) + 3 * WAVE);
    /** Until each of these has executed something that it had not before. */
    const works = async (pids: readonly number[]): Promise<void> => {
      const before = await effects.byProcess();
      const isMore = async (): Promise<boolean> => {
        const now = await effects.byProcess();
        return pids.every((pid) => (now.get(pid) ?? 0) > (before.get(pid) ?? 0));
      };
      await expect.poll(isMore, { timeout: 60_000, interval: 50 }).toBe(true);
    };

    const count = async (isDead: boolean): Promise<number> =>
      (await client.workers.list()).filter(({ deadAt }) => (deadAt !== null) === isDead).length;
    const dead = (): Promise<number> => count(true);
    const alive = (): Promise<number> => count(false);
    const pids = cutOff.map(({ pid }) => pid);
    await works(pids);
    const all = await alive();
    for (let round = 0; round < ROUNDS; round++) {
      toRedis.cut();
      toPostgres.cut();
      // Until the others have taken away what the one without PostgreSQL held; and meanwhile they go on.
      await expect.poll(dead, { timeout: 60_000, interval: 50 }).toBeGreaterThan(round);
      await progress();
      toRedis.heal();
      toPostgres.heal();
      // One that was declared dead may still end what it had begun before it hears of that; cut again by then it would not be there to be declared dead.
      await expect.poll(alive, { timeout: 60_000, interval: 50 }).toBe(all);
      await works(pids);
    }
    isOver = true;
    await load;
    const results = await Promise.all(runs.map((run) => run.result({ timeout: "60s" })));
    expect(new Set(results)).toEqual(new Set([STEPS]));
    const letters = await client.deadLetters.list({ state: "all" });
    expect(letters.items).toEqual([]);
    const byNode = new Set((await effects.all()).map(({ run_id: run, node }) => `${run} ${node}`));
    expect(byNode.size).toBe(runs.length * STEPS);
  }, 300_000);
});
