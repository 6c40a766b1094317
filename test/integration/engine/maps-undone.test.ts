/** Maps that are undone: item by item, each that succeeded, once. */
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Action,
  defineWorkflow,
  type Engine,
  type Json,
  PermanentError,
  type RunHandle,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

onEachBackend("maps that are undone", (name) => {
  let backend: Backend;
  let engine: Engine;
  /** What was undone, in order, with the keys under which it was. */
  let undone: { node: string; input: Json; key: string }[];
  /** Items that cannot be done, and that cannot be undone. */
  let broken: readonly number[];
  let stuck: readonly number[];
  let held: PromiseWithResolvers<void> | null;
  /** What was booked. */
  let begun: number[];

  const actions: readonly Action[] = [
    action("book", async ({ input }) => {
      const { n } = input as { n: number };
      begun.push(n);
      if (broken.includes(n)) throw new PermanentError("sold out");
      if (held && n > 0) await held.promise;
      return { ticket: `T${n}` };
    }),
    action("cancel", ({ input, node, idempotencyKey: key }) => {
      if (stuck.includes((input as { n: number }).n)) throw new PermanentError("the office is closed");
      undone.push({ node: node.id, input, key });
      return null;
    }),
    action("last", () => {
      throw new PermanentError("it rains");
    }),
  ];

  beforeEach(async () => {
    backend = await openBackend(name);
    [undone, broken, stuck, held, begun] = [[], [], [], null, []];
    engine = backend.engine({ actions });
    await engine.start();
  });
  afterEach(() => backend[Symbol.asyncDispose]());

  /** `first`, then one booking per item, then `last`, which fails. */
  function trips(node: object = {}): WorkflowDocument {
    return {
      format: 1,
      name: "trips",
      onFailure: "compensate",
      nodes: {
        first: {
          kind: "action",
          action: "book",
          input: { n: -1 },
          compensate: { action: "cancel", input: { n: -1, ticket: "{{ nodes.first.output.ticket }}" } },
        },
        each: {
          kind: "action",
          action: "book",
          forEach: "input.list",
          input: { n: "{{ item }}" },
          compensate: {
            action: "cancel",
            retry: { immediate: 0, backoff: [] },
            input: { n: "{{ item }}", at: "{{ index }}", ticket: "{{ nodes.each.output.ticket }}" },
          },
          ...node,
        },
        last: { kind: "action", action: "last", retry: { immediate: 0, backoff: [] } },
      },
      edges: [
        { from: "first", to: "each" },
        { from: "each", to: "last" },
      ],
    };
  }

  const start = (list: Json, document = trips()): Promise<RunHandle> =>
    engine.runs.start(defineWorkflow(document), { input: { list } });
  const rested = async (run: RunHandle): Promise<string> => {
    await expect(run.result({ timeout: "30s" })).rejects.toMatchObject({ code: /^run_(failed|cancelled)$/ });
    return run.status();
  };
  const inputs = (): readonly Json[] =>
    undone
      .filter(({ node }) => node === "each$compensate")
      .map(({ input }) => input)
      .sort((a, b) => (a as { at: number }).at - (b as { at: number }).at);

  test("each item that succeeded is undone with what it gave, before what came before the map", async () => {
    const run = await start([7, 8, 9]);
    expect(await rested(run)).toBe("failed");
    expect(inputs()).toEqual([
      { n: 7, at: 0, ticket: "T7" },
      { n: 8, at: 1, ticket: "T8" },
      { n: 9, at: 2, ticket: "T9" },
    ]);
    expect(undone.at(-1)).toMatchObject({ node: "first$compensate", input: { ticket: "T-1" } });
    expect(new Set(undone.map(({ key }) => key)).size).toBe(4);
    expect((await engine.deadLetters.list({ runId: run.id })).items).toEqual([]);
  });

  test("of a map that failed, what succeeded is undone, and its dead letters are closed", async () => {
    broken = [8];
    const run = await start([7, 8, 9]);
    expect(await rested(run)).toBe("failed");
    await expect.poll(() => undone.length).toBe(3);
    expect(inputs()).toEqual([
      { n: 7, at: 0, ticket: "T7" },
      { n: 9, at: 2, ticket: "T9" },
    ]);
    const letters = async (state: "open" | "all") =>
      (await engine.deadLetters.list({ runId: run.id, state })).items;
    expect(await letters("open")).toEqual([]);
    expect(await letters("all")).toMatchObject([{ node: "each", item: 1, resolution: "compensated" }]);
  });

  test("with `collect`, too; a map of which nothing succeeded has nothing to undo", async () => {
    broken = [8];
    const collect = trips({ onItemError: "collect" });
    expect(await rested(await start([8, 9], collect))).toBe("failed");
    expect(inputs()).toEqual([{ n: 9, at: 1, ticket: "T9" }]);
    expect(await rested(await start([8], collect))).toBe("failed");
    expect(inputs()).toHaveLength(1);
    expect(undone.filter(({ node }) => node === "first$compensate")).toHaveLength(2);
  });

  test("a cancel waits for the items that run, and undoes them as well; the others never begin", async () => {
    held = Promise.withResolvers();
    const run = await start([0, 1, 2, 3], trips({ concurrency: 2 }));
    await expect.poll(() => begun, { timeout: 20_000 }).toEqual([-1, 0, 1, 2]);
    await run.cancel({ compensate: true });
    held.resolve();
    expect(await rested(run)).toBe("cancelled");
    expect(inputs().map((input) => (input as { n: number }).n)).toEqual([0, 1, 2]);
    expect(undone.at(-1)).toMatchObject({ node: "first$compensate" });
  });

  test("an item that cannot be undone is a dead letter in its place, and what comes behind it waits", async () => {
    stuck = [9];
    const run = await start([7, 8, 9]);
    expect(await rested(run)).toBe("failed");
    expect(inputs()).toHaveLength(2);
    const { items } = await engine.deadLetters.list({ runId: run.id });
    expect(items).toMatchObject([{ node: "each$compensate", item: 2, input: { n: 9, at: 2, ticket: "T9" } }]);
    expect(undone.some(({ node }) => node === "first$compensate")).toBe(false);
    stuck = [];
    await engine.deadLetters.redrive(items[0]!.id);
    await expect.poll(() => undone.length, { timeout: 20_000 }).toBe(4);
    expect(undone.map(({ node }) => node).slice(2)).toEqual(["each$compensate", "first$compensate"]);
    await expect.poll(() => run.status()).toBe("failed");
    expect((await engine.deadLetters.list({ runId: run.id })).items).toEqual([]);
  });

  test("2,000 items over two engines are undone once each", async () => {
    const other = backend.engine({ actions });
    await other.start();
    const run = await start(Array.from({ length: 2_000 }, (_, n) => n));
    expect(await rested(run)).toBe("failed");
    expect(inputs()).toEqual(Array.from({ length: 2_000 }, (_, n) => ({ n, at: n, ticket: `T${n}` })));
  });
});
