/** Starts with an idempotency key, on both backends. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { defineWorkflow, type Engine, type WorkflowDocument } from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { add, chain, Executions } from "./documents.ts";

const DAY_MS = 86_400_000;
const flow = defineWorkflow(chain(2, "keyed"));
const other = defineWorkflow(chain(1, "other"));
const asks = defineWorkflow({
  format: 1,
  name: "asks",
  nodes: {
    one: { kind: "wait", for: { signal: "answered" } },
    two: { kind: "wait", for: { signal: "answered" } },
  },
  edges: [{ from: "one", to: "two" }],
  output: { said: ["{{ nodes.one.output }}", "{{ nodes.two.output }}"], from: "{{ input }}" },
} satisfies WorkflowDocument);

onEachBackend("starts with a key", (name) => {
  let backend: Backend;
  let executions: Executions;
  let engines: readonly Engine[];

  beforeEach(async () => {
    backend = await openBackend(name);
    executions = new Executions();
    engines = [1, 2].map(() => backend.engine({ actions: [add(executions)] }));
    for (const engine of engines) await engine.start();
  });

  afterEach(() => backend[Symbol.asyncDispose]());

  const runs = async (): Promise<number> => {
    const [row] = await backend.database.query<{ n: number }>(
      "select count(*)::int as n from flowforge.runs",
    );
    return row!.n;
  };

  test("50 callers over two engines with one key: one run, for all of them", async () => {
    const start = (_: unknown, n: number) =>
      engines[n % 2]!.runs.start(flow, { input: { n: 1 }, idempotencyKey: "order-1" });
    const handles = await Promise.all(Array.from({ length: 50 }, start));
    expect(new Set(handles.map((handle) => handle.id)).size).toBe(1);
    expect(await Promise.all(handles.map((handle) => handle.result({ timeout: "20s" })))).toEqual(
      handles.map(() => 3),
    );
    expect(await runs()).toBe(1);
    expect(executions.total).toBe(2);
    // After the end it is the same run still.
    const again = await engines[1]!.runs.start(flow, { input: { n: 1 }, idempotencyKey: "order-1" });
    expect([again.id, await again.result()]).toEqual([handles[0]!.id, 3]);
  });

  test("startMany: one key twice is one run, and the keys of others are theirs", async () => {
    const [engine] = engines as [Engine];
    const starts = ["a", "b", "a"].map((idempotencyKey) => ({ input: { n: 1 }, idempotencyKey }));
    const [a, b, again] = await engine.runs.startMany(flow, starts);
    expect([again!.id === a!.id, b!.id === a!.id]).toEqual([true, false]);
    const elsewhere = [
      await engine.runs.start(other, { input: { n: 1 }, idempotencyKey: "a" }),
      await engine.runs.start(flow, { input: { n: 1 }, idempotencyKey: "a", workspace: "acme" }),
    ];
    expect(new Set([a!.id, ...elsewhere.map(({ id }) => id)]).size).toBe(3);
    expect(await runs()).toBe(4);
  });

  test("another input is refused, the order of its members is none", async () => {
    const [engine] = engines as [Engine];
    const first = await engine.runs.start(flow, { input: { n: 1, m: 2 }, idempotencyKey: "k" });
    const same = await engine.runs.start(flow, { input: { m: 2, n: 1 }, idempotencyKey: "k" });
    expect(same.id).toBe(first.id);
    await expect(engine.runs.start(flow, { input: { n: 2 }, idempotencyKey: "k" })).rejects.toMatchObject({
      code: "idempotency_conflict",
      subject: 'idempotency key "k" of workflow "keyed"',
      expected: expect.stringContaining(first.id) as string,
    });
    expect(await runs()).toBe(1);
  });

  test("getByKey finds the run, and nothing for others' keys", async () => {
    const [engine, second] = engines as [Engine, Engine];
    const run = await engine.runs.start(flow, { input: { n: 1 }, idempotencyKey: "k" });
    const found = await second.runs.getByKey("k", { workflow: "keyed" });
    expect([found?.id, await found?.result({ timeout: "20s" })]).toEqual([run.id, 3]);
    for (const [key, options] of [
      ["x", { workflow: flow }],
      ["k", { workflow: other }],
      ["k", { workflow: flow, workspace: "acme" }],
    ] as const) {
      expect(await second.runs.getByKey(key, options)).toBeNull();
    }
  });

  test("30 days after the run's end the key is free again", async () => {
    const [engine] = engines as [Engine];
    const run = await engine.runs.start(flow, { input: { n: 1 }, idempotencyKey: "k" });
    await run.result({ timeout: "20s" });
    await shiftClock(backend.database, 31 * DAY_MS);
    expect(await engine.runs.getByKey("k", { workflow: flow })).toBeNull();
    const next = await engine.runs.start(flow, { input: { n: 5 }, idempotencyKey: "k" });
    expect(await next.result({ timeout: "20s" })).toBe(7);
  });

  test("signalOrStart starts once, whoever is first, and each signal comes", async () => {
    const [engine, second] = engines as [Engine, Engine];
    const call = (at: Engine, payload: string) =>
      at.runs.signalOrStart(asks, { key: "case-1", signal: "answered", payload, input: payload });
    const handles = await Promise.all([call(engine, "one"), call(second, "two")]);
    expect(handles[0].id).toBe(handles[1].id);
    const said = (await handles[0].result({ timeout: "20s" })) as { said: unknown; from: string };
    expect(["one", "two"]).toContain(said.from);
    expect(JSON.stringify(said.said)).toMatch(/"one".*"two"|"two".*"one"/);
    await expect(call(engine, "three")).rejects.toMatchObject({ code: "run_finished" });
    expect(await runs()).toBe(1);
  });

  describe("bad input", () => {
    test.each(["", "x".repeat(256), "a\nb", "\0", 7, null])("key %j", async (idempotencyKey) => {
      const [engine] = engines as [Engine];
      const options = { input: { n: 1 }, idempotencyKey } as { input: { n: number } };
      await expect(engine.runs.start(flow, options)).rejects.toMatchObject({ code: "option_invalid" });
      const finding = engine.runs.getByKey(idempotencyKey as string, { workflow: flow });
      await expect(finding).rejects.toMatchObject({ code: "option_invalid" });
      expect(await runs()).toBe(0);
    });

    test("a signal that no wait can have starts nothing", async () => {
      const [engine] = engines as [Engine];
      const call = engine.runs.signalOrStart(asks, { key: "k", signal: "no name!" });
      await expect(call).rejects.toMatchObject({ code: "option_invalid" });
      expect(await runs()).toBe(0);
    });
  });
});
