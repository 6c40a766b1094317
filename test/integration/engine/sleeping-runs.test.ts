/** Runs that wait for long cost the queue nothing, and nothing of a run's data is ever in Redis. */
import { expect, test } from "vitest";
import { defineWorkflow } from "../../../src/index.ts";
import { describeRedis, testRedis } from "../../support/servers.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { openBackend } from "./backends.ts";
import { action, add, chain, Executions } from "./documents.ts";

const HOUR_MS = 3_600_000;
const SLEEPERS = 2_000;

const sleeper = defineWorkflow({
  format: 1,
  name: "sleeper",
  nodes: {
    w: { kind: "wait", for: { duration: "6h" } },
    a: { kind: "action", action: "add", input: { n: "{{ input.n }}" } },
  },
  edges: [{ from: "w", to: "a" }],
  output: "{{ nodes.a.output.n }}",
});

/** Every key of the queue, with all that it holds, as text. */
async function contents(prefix: string): Promise<ReadonlyMap<string, string>> {
  await using redis = await testRedis();
  const client = redis.client();
  const read = {
    string: (key: string) => client.get(key),
    hash: (key: string) => client.hgetall(key),
    list: (key: string) => client.lrange(key, 0, -1),
    set: (key: string) => client.smembers(key),
    zset: (key: string) => client.zrange(key, "0", "-1"),
    stream: (key: string) => client.xrange(key, "-", "+"),
  };
  const found = new Map<string, string>();
  for await (const keys of client.scanStream({ match: `*${prefix}*`, count: 1_000 })) {
    for (const key of keys as string[]) {
      const type = await client.type(key);
      // A key may go between the two commands.
      if (type !== "none") found.set(key, JSON.stringify(await read[type as keyof typeof read](key)));
    }
  }
  return found;
}

describeRedis("the queue in Redis", () => {
  test(
    `${SLEEPERS} sleeping runs add no key, and wake when their time has come`,
    { timeout: 120_000 },
    async () => {
      await using backend = await openBackend("postgres+redis");
      const executions = new Executions();
      const engine = backend.engine({ actions: [add(executions)] });
      await engine.start();
      // Whatever keys the queue needs by itself are there after a first run.
      await (
        await engine.runs.start(defineWorkflow(chain(2)), { input: { n: 0 } })
      ).result({ timeout: "20s" });
      executions.counts.clear();
      const before = [...(await contents(backend.queuePrefix)).keys()].sort();
      expect(before.length).toBeGreaterThan(0);

      const starts = Array.from({ length: SLEEPERS }, (_, n) => ({ input: { n } }));
      const runs = await engine.runs.startMany(sleeper, starts);
      const waiting = await backend.database.query<{ n: number }>(
        "select count(*)::int4 as n from flowforge.node_runs where status = 'waiting'",
      );
      expect(waiting).toEqual([{ n: SLEEPERS }]);
      expect([...(await contents(backend.queuePrefix)).keys()].sort()).toEqual(before);

      await shiftClock(backend.database, 6 * HOUR_MS + 60_000);
      const results = await Promise.all(runs.map((run) => run.result({ timeout: "60s" })));
      expect(results).toEqual(starts.map(({ input }) => input.n + 1));
      expect(executions.total).toBe(SLEEPERS);
      expect(executions.repeated).toEqual([]);
    },
  );

  test(
    "holds ids, and nothing of what runs take, give, are told or fail with",
    { timeout: 60_000 },
    async () => {
      await using backend = await openBackend("postgres+redis");
      const mark = "distinctive-7f3a91";
      const client = backend.engine();
      await client.start({ work: false });
      const workflow = defineWorkflow({
        format: 1,
        name: "marked",
        nodes: {
          a: { kind: "action", action: "echo", input: { text: "{{ input.text }}" } },
          w: { kind: "wait", for: { signal: "go" } },
          b: { kind: "action", action: "echo", input: { text: "{{ nodes.w.output.text }}" } },
          c: { kind: "action", action: "fails", input: { text: "{{ nodes.b.output.text }}" } },
          d: { kind: "action", action: "echo", input: { text: "{{ nodes.c.error.message }}" } },
        },
        edges: [
          { from: "a", to: "w" },
          { from: "w", to: "b" },
          { from: "b", to: "c" },
          { from: "c", to: "d", on: "error" },
        ],
        output: "{{ nodes.d.output.text }}",
      });
      const starts = Array.from({ length: 20 }, () => ({ input: { text: `${mark}-input` } }));
      const runs = await client.runs.startMany(workflow, starts);
      // Nobody works yet: tasks are in the queue, one for each run.
      const inQueue = async (): Promise<string> =>
        [...(await contents(backend.queuePrefix)).entries()].join("\n");
      const allQueued = async (): Promise<boolean> => {
        const text = await inQueue();
        return runs.every(({ id }) => text.includes(id));
      };
      await expect.poll(allQueued, { timeout: 10_000 }).toBe(true);
      expect(await inQueue()).not.toContain(mark);

      const fails = action("fails", () => {
        throw Object.assign(new Error(`${mark}-error`), { status: 400 });
      });
      const worker = backend.engine({
        worker: { inline: false },
        actions: [action("echo", ({ input }) => input), fails],
      });
      await worker.start();
      await Promise.all(runs.map((run) => run.signal("go", { text: `${mark}-signal` })));
      for (const run of runs) expect(await run.result({ timeout: "30s" })).toContain(`${mark}-error`);
      expect(await inQueue()).not.toContain(mark);
    },
  );
});
