/** What an engine says of itself is what has happened. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defineWorkflow, type Engine } from "../../../src/index.ts";
import { createPostgresStore } from "../../../src/postgres/store.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, openBackend } from "./backends.ts";
import { action, add, chain } from "./documents.ts";

const HOUR = 3_600_000;
const NEVER = { retry: { immediate: 0, backoff: [] } };

const shaky = defineWorkflow({
  format: 1,
  name: "shaky",
  nodes: {
    ok: { kind: "action", action: "add", input: { n: 1 } },
    again: { kind: "action", action: "second", retry: { immediate: 1, backoff: [] } },
    bad: { kind: "action", action: "never", ...NEVER },
  },
  edges: [
    { from: "ok", to: "again" },
    { from: "again", to: "bad" },
  ],
});
const mapped = defineWorkflow({
  format: 1,
  name: "mapped",
  nodes: { each: { kind: "action", action: "add", forEach: "input.list", input: { n: "{{ item }}" } } },
  edges: [],
});
const elsewhere = defineWorkflow({
  format: 1,
  name: "elsewhere",
  nodes: { far: { kind: "action", action: "add", lane: "far", input: { n: 1 } } },
  edges: [],
});
const three = defineWorkflow(chain(3));

let backend: Backend;
let engine: Engine;
let other: Engine;
beforeAll(async () => {
  backend = await openBackend("postgres");
  const fails = action("never", () => Promise.reject(new Error("no")));
  const second = action("second", ({ attempt }) => {
    if (attempt === 1) throw new Error("once");
    return null;
  });
  const options = { actions: [add(), fails, second], workflows: [shaky, mapped, elsewhere, three] };
  engine = backend.engine(options);
  other = backend.engine(options);
  await engine.start();
  await other.start();
  const done = await engine.runs.startMany(three, [{ input: { n: 1 } }, { input: { n: 2 } }]);
  const wrong = await engine.runs.start(shaky);
  const list = await other.runs.start(mapped, { input: { list: [1, 2, 3, 4] } });
  const apart = await engine.runs.start(three, { input: { n: 1 }, workspace: "apart" });
  await Promise.all([...done, list, apart].map((run) => run.result()));
  await expect(wrong.result()).rejects.toThrow();
  await engine.runs.start(elsewhere);
  // What the other one saw is stored when it stops, at the latest.
  await other.stop();
});
afterAll(() => backend[Symbol.asyncDispose]());

describe("engine.stats", () => {
  test("counts runs and attempts, and what became of them", async () => {
    const { total, series, now } = await engine.stats();
    expect(total.runs).toMatchObject({
      started: 4,
      succeeded: 3,
      failed: 1,
      cancelled: 0,
      failureRate: 0.25,
    });
    expect(total.attempts).toMatchObject({ count: 14, failed: 2, retries: 1 });
    expect(total.deadLetters).toBe(1);
    expect(total.attempts.duration.p95Ms).toBeGreaterThan(0);
    expect(total.runs.duration.meanMs).toBeGreaterThan(0);
    expect(series).toHaveLength(97 - Number(series.length === 96));
    expect(series.reduce((sum, { runs }) => sum + runs.started, 0)).toBe(4);
    expect(now).toMatchObject({ active: 1, deadLetters: 1, workers: 1, isCut: false });
  });

  test("knows where work waits, and for how long", async () => {
    const { now } = await engine.stats();
    expect(now.lanes).toEqual([{ lane: "far", ready: 0, held: 0, queued: 1, running: 0 }]);
    expect(now.users).toEqual([
      {
        workspace: "default",
        workflow: "elsewhere",
        ready: 0,
        held: 0,
        queued: 1,
        running: 0,
        share: null,
        waitingMs: now.oldest!.ageMs,
      },
    ]);
    expect(now.oldest).toMatchObject({ workflow: "elsewhere", node: "far" });
    expect(now.oldest!.ageMs).toBeLessThan(60_000);
    expect(Object.values(now.runs)).toEqual([1]);
  });

  test("is of one workspace, of one workflow, or of all", async () => {
    const apart = await engine.stats({ workspace: "apart" });
    expect(apart.total.runs.succeeded).toBe(1);
    expect(apart.now).toMatchObject({ active: 0, deadLetters: 0, lanes: [], oldest: null });
    const all = await engine.stats({ allWorkspaces: true });
    expect(all.total.runs.succeeded).toBe(4);
    const one = await engine.stats({ workflow: "shaky", step: "1h" });
    expect(one.total.runs).toMatchObject({ succeeded: 0, failed: 1 });
    expect(one.now).toMatchObject({ active: 0, deadLetters: 1 });
  });

  test("refuses what it cannot answer", async () => {
    const refused = (options: object) =>
      expect(engine.stats(options)).rejects.toMatchObject({ code: "option_invalid" });
    await refused({ step: "90s" });
    await refused({ step: "90m" });
    await refused({ since: "2020-01-01" });
    await refused({ since: Date.now() + HOUR, until: Date.now() });
    await refused({ step: "1m", since: Date.now() - 100 * HOUR });
    await refused({ step: "1m", since: Date.now() - 48 * HOUR });
    await refused({ workspace: "a", allWorkspaces: true });
    await refused({ workflow: "a", allWorkspaces: true });
    await refused({ sinze: 1 });
  });

  test("of a workflow says how each node did", async () => {
    const { total, nodes } = await engine.workflows.stats("shaky");
    expect(total.runs).toMatchObject({ started: 1, failed: 1 });
    expect(nodes.map(({ node, count, failed, retries }) => ({ node, count, failed, retries }))).toEqual([
      { node: "again", count: 2, failed: 1, retries: 1 },
      { node: "bad", count: 1, failed: 1, retries: 0 },
      { node: "ok", count: 1, failed: 0, retries: 0 },
    ]);
    expect(nodes[1]).toMatchObject({ deadLetters: 1, failureRate: 1 });
    const items = await engine.workflows.stats("mapped");
    expect(items.nodes).toMatchObject([{ node: "each", count: 4, failed: 0 }]);
    expect((await engine.workflows.stats("none")).nodes).toEqual([]);
  });
});

test("engine.workers lists those that are alive, and who has gone", async () => {
  const [alive, gone] = await engine.workers.list();
  expect(alive).toMatchObject({
    id: engine.workerId,
    lanes: ["default"],
    concurrency: 50,
    running: 0,
    deadAt: null,
  });
  expect(alive!.heartbeatAt).toBeGreaterThanOrEqual(alive!.startedAt);
  expect(gone!.deadAt).toBeGreaterThan(0);
});

test("how much work there was is written down once a minute, and what is old goes", async () => {
  const store = createPostgresStore({ postgres: backend.database.url });
  await backend.database.query("delete from flowforge.depth_samples");
  await Promise.all([store.statistics.sample(), store.statistics.sample()]);
  const { series } = await engine.stats({ step: "1m", since: Date.now() - 2 * 60_000 });
  const depths = series.flatMap(({ depth }) => (depth ? [depth] : []));
  expect(depths.at(-1)).toEqual({ active: 1, ready: 0, queued: 1, running: 0, deadLetters: 1 });
  const apart = await engine.stats({ step: "1m", since: Date.now() - 2 * 60_000, workspace: "apart" });
  expect(apart.series.find(({ depth }) => depth)?.depth).toMatchObject({ active: 0, queued: 0 });
  const kept = () =>
    backend.database.query<{ unit_ms: number }>("select distinct unit_ms from flowforge.counts order by 1");
  await shiftClock(backend.database, 73 * HOUR);
  await store.statistics.forget(1_000);
  expect((await kept()).map((row) => row.unit_ms)).toEqual([HOUR]);
  expect(await backend.database.query("select 1 from flowforge.depth_samples")).toEqual([]);
  await shiftClock(backend.database, 401 * 24 * HOUR);
  await store.statistics.forget(1_000);
  expect(await kept()).toEqual([]);
  await store.close();
});
