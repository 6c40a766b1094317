/**
 * A real Redis Cluster whose slots move and whose masters die while processes work on it: no call of the client's fails, every run ends
 * as it should, and nothing is done twice.
 *
 * FLOWFORGE_CLUSTER_ROUNDS: how often each of these happens. Default 1.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createEngine,
  defineWorkflow,
  type Engine,
  type EngineOptions,
  type RunHandle,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { type RedisCluster, startRedisCluster } from "../../support/redis-cluster.ts";
import { describeRedis, type TestDatabase, testDatabase } from "../../support/servers.ts";
import { chain } from "../engine/documents.ts";
import { Effects, Processes } from "./processes.ts";

const ROUNDS = Number(process.env["FLOWFORGE_CLUSTER_ROUNDS"] ?? 1);
const STEPS = 6;
const WAVE = 10;
/** Their slots are in the second, the first and the third part of the cluster. */
const LANES = ["default", "lane3", "lane4"] as const;
/** Longer than a busy machine may stand still: what is taken from a living worker is done twice by right. */
const WORKER = { inline: false, concurrency: 10, lanes: LANES, lease: "30s" } as const;

/** Each step in another lane than the one before. */
function throughLanes(): WorkflowDocument {
  const document = chain(STEPS, "lanes", "step");
  const nodes = Object.entries(document.nodes).map(([id, node], n) => [
    id,
    { ...node, lane: LANES[n % LANES.length]! },
  ]);
  return { ...document, nodes: Object.fromEntries(nodes) };
}

const WORKFLOW = defineWorkflow(throughLanes());

/** Starts runs in waves, so that there is always work under way, and remembers all. What a start throws fails the test. */
class Load {
  readonly runs: RunHandle[] = [];
  readonly #engine: Engine;
  #ended = false;
  #going: Promise<void> | null = null;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  begin(): void {
    this.#going = this.#go();
    this.#going.catch(() => undefined);
  }

  async #go(): Promise<void> {
    while (!this.#ended) {
      const inputs = Array.from({ length: WAVE }, () => ({ input: { n: 0 } }));
      const wave = await this.#engine.runs.startMany(WORKFLOW, inputs);
      this.runs.push(...wave);
      // A part of each wave is still under way when the next one begins.
      await Promise.race(wave.map((run) => run.result({ timeout: "90s" })));
    }
  }

  async results(): Promise<unknown[]> {
    this.#ended = true;
    await this.#going;
    return Promise.all(this.runs.map((run) => run.result({ timeout: "90s" })));
  }
}

describeRedis("a Redis Cluster of three masters", () => {
  let cluster: RedisCluster;

  beforeAll(async () => void (cluster = await startRedisCluster()));
  afterAll(() => cluster[Symbol.asyncDispose]());

  async function underLoad(options: {
    readonly disturb: (progress: () => Promise<void>, client: Engine) => Promise<void>;
  }): Promise<void> {
    await using database = await testDatabase();
    await using traces = await testDatabase();
    const effects = await Effects.in(traces);
    const connection = connectionTo(database);
    await using processes = new Processes(connection, effects);
    for (let n = 0; n < 2; n++) await processes.start({ worker: WORKER });
    await using client = createEngine(connection);
    // Not maintaining: a reaper judges by its own lease, and this one has the default.
    await client.start({ work: false, maintain: false });
    const load = new Load(client);
    load.begin();
    const progress = async (): Promise<void> => effects.reach((await effects.count()) + 3 * WAVE);
    await progress();
    for (let round = 0; round < ROUNDS; round++) await options.disturb(progress, client);
    await progress();
    const results = await load.results();
    expect(new Set(results)).toEqual(new Set([STEPS]));
    expect(await effects.repeated()).toEqual([]);
    expect(await effects.count()).toBe(load.runs.length * STEPS);
  }

  const connectionTo = (database: TestDatabase): EngineOptions => ({
    postgres: database.url,
    redis: { nodes: cluster.nodes },
    queuePrefix: database.name,
  });

  test("its lanes are on all three masters", async () => {
    const masters = await Promise.all(
      LANES.map(async (lane) => (await cluster.masterOf(await cluster.slotOf(lane))).port),
    );
    expect(new Set(masters).size).toBe(3);
  });

  test("one of its nodes given alone is refused, with what to do", async () => {
    await using database = await testDatabase();
    const engine = createEngine({ postgres: database.url, redis: cluster.members[0]!.url });
    await expect(engine.start()).rejects.toMatchObject({ code: "redis_is_cluster" });
  });

  test("a client of the host's is copied, and left as it was", async () => {
    await using database = await testDatabase();
    const client = cluster.client();
    try {
      await client.ping();
      await using engine = createEngine({ ...connectionTo(database), redis: client });
      await engine.start();
      expect((await engine.health()).ready).toBe(true);
      await engine.stop();
      expect(await client.ping()).toBe("PONG");
    } finally {
      client.disconnect();
    }
  });

  test("the slot of every lane moves from master to master under load", async () => {
    await underLoad({
      disturb: async (progress) => {
        const masters = await cluster.masters();
        for (const [n, lane] of LANES.entries()) {
          const slot = await cluster.slotOf(lane);
          const source = await cluster.masterOf(slot);
          const targets = masters.filter((one) => one !== source);
          await cluster.move(slot, targets[n % targets.length]!);
          await progress();
        }
      },
    });
  }, 240_000);

  test("a master is killed under load, and its replica promoted; then it comes back", async () => {
    await underLoad({
      disturb: async (progress, client) => {
        const killed = await cluster.failOver(await cluster.slotOf("default"));
        await progress();
        await killed.restart();
        expect((await client.health()).ready).toBe(true);
        await progress();
      },
    });
  }, 240_000);
});
