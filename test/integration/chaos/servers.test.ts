/** Servers that forget, stand still or lose answers. */
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import type { CommitEntry } from "../../../src/core/ports/commit.ts";
import {
  createEngine,
  defineWorkflow,
  type EngineOptions,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { createPostgresStore } from "../../../src/postgres/store.ts";
import { Committer } from "../../../src/worker/committer.ts";
import { losingProxy } from "../../support/losing-proxy.ts";
import { describeRedis, startPostgres, startRedis, testDatabase } from "../../support/servers.ts";
import { move, seqOf, stored } from "../../../src/testing/store-contract/entries.ts";
import { add, chain, Executions } from "../engine/documents.ts";
import { Effects, Processes } from "./processes.ts";

const inputs = (amount: number) => Array.from({ length: amount }, (_, n) => ({ input: { n } }));

/** 100 runs, every node through the queue, which forgets everything while they run. */
async function wipedInTheMiddle(connection: EngineOptions, wipe: () => Promise<unknown>): Promise<void> {
  await using traces = await testDatabase();
  const effects = await Effects.in(traces);
  await using processes = new Processes(connection, effects);
  const worker = { inline: false, concurrency: 5 };
  await processes.start({ stepMs: 5, worker });
  await processes.start({ stepMs: 5, worker });
  await using client = createEngine(connection);
  await client.start({ work: false, maintain: false });
  const runs = await client.runs.startMany(defineWorkflow(chain(5, "five", "step")), inputs(100));
  await effects.reach(120);
  await wipe();
  const results = await Promise.all(runs.map((run) => run.result({ timeout: "60s" })));
  expect(results).toEqual(runs.map((_, n) => n + 5));
  expect(await effects.repeated()).toEqual([]);
  expect(await effects.count()).toBe(500);
}

describeRedis("Redis", () => {
  test("FLUSHALL in the middle of 100 runs: all finish, each step once", async () => {
    await using redis = await startRedis();
    await using database = await testDatabase();
    await wipedInTheMiddle({ postgres: database.url, redis: redis.url }, async () => {
      const client = new Redis(redis.url);
      await client.flushall();
      client.disconnect();
    });
  });
});

describe("PostgreSQL", () => {
  test("the queue's tables emptied in the middle of 100 runs: all finish, each step once", async () => {
    await using database = await testDatabase();
    await wipedInTheMiddle({ postgres: database.url }, () =>
      database.query(
        "truncate flowforge_queue.job, flowforge_queue.meta, flowforge_queue.flowforge_epoch cascade",
      ),
    );
  });

  test("the answer to a claim is lost 100 times: every node runs, and once", async () => {
    await using database = await testDatabase();
    let seen = 0;
    // Statements are named after what they hold: `c` is a claim. Every third one, so that some come through in between.
    await using proxy = await losingProxy(
      database.url,
      (sent) =>
        proxy.lost < 100 && /flowforge_commit_[a-z]*c/.test(sent.toString("latin1")) && ++seen % 3 === 0,
    );
    const executions = new Executions();
    await using engine = createEngine({
      postgres: proxy.url,
      actions: [add(executions)],
      worker: { concurrency: 4 },
    });
    await engine.start();
    const workflow = defineWorkflow(chain(10));
    const results: unknown[] = [];
    while (proxy.lost < 100) {
      // A start whose own answer was lost is found by its id; `start` itself reads the run again.
      const runs = await engine.runs.startMany(workflow, inputs(10));
      results.push(...(await Promise.all(runs.map((run) => run.result({ timeout: "60s" })))));
    }
    expect(new Set(results)).toEqual(new Set(inputs(10).map(({ input }) => input.n + 10)));
    expect(executions.repeated).toEqual([]);
    expect(executions.total).toBe(results.length * 10);
  }, 120_000);

  test("20 s of standstill with 50 actions running: none is taken from a live worker", async () => {
    await using server = await startPostgres();
    await using database = await testDatabase(server.url);
    await using traces = await testDatabase();
    const effects = await Effects.in(traces);
    await using processes = new Processes({ postgres: database.url }, effects);
    const busy = await processes.start({ closed: true, worker: { concurrency: 50, lease: "4s" } });
    const idle = await processes.start({ actions: ["gate"], worker: { concurrency: 50, lease: "4s" } });
    await using client = createEngine({ postgres: database.url });
    await client.start({ work: false, maintain: false });
    const gate: WorkflowDocument = {
      format: 1,
      name: "gate",
      nodes: { g: { kind: "action", action: "gate", input: { n: "{{ input.n }}" } } },
      edges: [],
      output: "{{ nodes.g.output.n }}",
    };
    const runs = await client.runs.startMany(defineWorkflow(gate), inputs(50));
    await effects.reach(50);
    server.pause();
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    server.resume();
    // Two leases in which the other worker could have judged, had it been allowed to.
    await expect
      .poll(
        async () => {
          const [row] = await database.query<{ fresh: boolean }>(
            "select bool_and(heartbeat_at > flowforge.now() - 2000) as fresh from flowforge.workers where dead_at is null",
          );
          return row?.fresh;
        },
        { timeout: 20_000 },
      )
      .toBe(true);
    busy.send("open");
    idle.send("open");
    const results = await Promise.all(runs.map((run) => run.result({ timeout: "60s" })));
    expect(results).toEqual(runs.map((_, n) => n + 1));
    expect(await effects.repeated()).toEqual([]);
    expect(await database.query("select 1 from flowforge.workers where dead_at is not null")).toEqual([]);
    expect(await database.query("select 1 from flowforge.node_runs where losses > 0 or attempt > 1")).toEqual(
      [],
    );
  }, 120_000);

  test("two committers on 40 hot runs for 10 s: the sum of `seq` is the number of commits", async () => {
    await using database = await testDatabase();
    const stores = [1, 2].map(() => createPostgresStore({ postgres: database.url }));
    await stores[0]!.migrate();
    const ids = await Promise.all(Array.from({ length: 40 }, () => stored(stores[0]!)));
    const until = performance.now() + 10_000;
    let commits = 0;
    let moved = 0;
    const lane = async (
      store: (typeof stores)[number],
      committer: Committer,
      runId: string,
    ): Promise<void> => {
      while (performance.now() < until) {
        const entry: CommitEntry = move(runId, await seqOf(store, runId));
        const answer = await committer.submit({ entry, workspace: "default", bytes: 100 });
        if (answer.type === "committed") commits++;
        else if (answer.type === "moved" || answer.type === "locked") moved++;
        else throw new Error(`unexpected answer ${answer.type}`);
      }
    };
    await Promise.all(
      stores.flatMap((store) => {
        const committer = new Committer(store);
        return ids.map((id) => lane(store, committer, id));
      }),
    );
    const seqs = await Promise.all(ids.map((id) => seqOf(stores[0]!, id)));
    // Each run was stored with `seq` 1.
    expect(seqs.reduce((sum, seq) => sum + seq, 0)).toBe(commits + ids.length);
    expect(commits).toBeGreaterThan(1_000);
    expect(moved).toBeGreaterThan(0);
    await Promise.all(stores.map((store) => store.close()));
  }, 60_000);
});
