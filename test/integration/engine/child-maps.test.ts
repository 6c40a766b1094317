/** Maps whose items run another workflow. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import {
  defineAction,
  defineWorkflow,
  type Engine,
  PermanentError,
  type RunHandle,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";

onEachBackend("maps of child workflows", (name) => {
  let backend: Backend;
  let engine: Engine;
  let broken: readonly number[];
  let calls: number[];

  const pack = defineAction({
    name: "pack",
    input: z.object({ n: z.number() }),
    output: z.object({ twice: z.number() }),
    retry: { immediate: 0, backoff: [] },
    run: ({ input: { n } }) => {
      calls.push(n);
      if (broken.includes(n)) throw new PermanentError("no boxes");
      return { twice: n * 2 };
    },
  });
  const parcel = defineWorkflow({
    name: "parcel",
    input: z.object({ n: z.number() }),
    build: ({ action, input }) => ({ parcel: action("pack", pack, { n: input.n }).output.twice }),
  });
  const held = defineWorkflow({
    name: "held",
    input: z.object({ n: z.number() }),
    build: ({ wait, input }) => ({ n: input.n, got: wait("gate", { signal: "go" }).output }),
  });
  const order = defineWorkflow({
    name: "order",
    input: z.object({ lines: z.array(z.number()) }),
    build: ({ child, input }) =>
      child("ship", parcel, (line) => ({ n: line }), { forEach: input.lines, concurrency: 5 }).output,
  });
  const holding = defineWorkflow({
    name: "holding",
    input: z.object({ lines: z.array(z.number()) }),
    build: ({ child, input }) =>
      child("hold", held, (line) => ({ n: line }), { forEach: input.lines, concurrency: 2 }).output,
  });

  beforeEach(async () => {
    backend = await openBackend(name);
    [broken, calls] = [[], []];
    engine = backend.engine({ workflows: [order, holding] });
    await engine.start();
  });
  afterEach(() => backend[Symbol.asyncDispose]());

  const result = (run: RunHandle): Promise<unknown> => run.result({ timeout: "30s" });
  const childrenOf = async ({ id }: RunHandle, status?: "waiting" | "cancelled" | "failed") =>
    (await engine.runs.list({ parent: id, limit: 500, ...(status ? { status: [status] } : {}) })).items;
  const numbers = (length: number): number[] => Array.from({ length }, (_, n) => n);

  test("each item runs one child, and the outputs come in order", async () => {
    const run = await engine.runs.start(order, { input: { lines: [7, 8, 9] } });
    expect(await result(run)).toEqual([{ parcel: 14 }, { parcel: 16 }, { parcel: 18 }]);
    const parents = (await childrenOf(run)).map(({ parent }) => parent);
    expect(parents.sort((a, b) => a!.item! - b!.item!)).toEqual(
      numbers(3).map((item) => ({
        runId: run.id,
        node: "ship",
        item,
        generation: 0,
        root: run.id,
        depth: 1,
      })),
    );
  });

  test("an item that waits for its child holds no worker, but its place in the map", async () => {
    const slim = backend.engine({ workflows: [order, holding], worker: { concurrency: 1 } });
    await engine.stop();
    await slim.start();
    engine = slim;
    const run = await engine.runs.start(holding, { input: { lines: [0, 1, 2] } });
    const waiting = async () => (await childrenOf(run, "waiting")).length;
    await expect.poll(waiting, { timeout: 20_000 }).toBe(2);
    expect(await result(await engine.runs.start(order, { input: { lines: [1] } }))).toEqual([{ parcel: 2 }]);
    expect(await childrenOf(run)).toHaveLength(2);
    const signalled = new Set<string>();
    for (let n = 0; n < 3; n++) {
      const next = async () => (await childrenOf(run, "waiting")).find(({ id }) => !signalled.has(id))?.id;
      await expect.poll(next, { timeout: 20_000 }).toBeDefined();
      const id = (await next())!;
      signalled.add(id);
      await engine.runs.handle(id).signal("go", n);
    }
    expect(await result(run)).toMatchObject([{ n: 0 }, { n: 1 }, { n: 2 }]);
  });

  test("a child that fails is a dead letter of its item; a redrive goes on in the same child", async () => {
    broken = [8];
    const run = await engine.runs.start(order, { input: { lines: [7, 8, 9] } });
    await expect(result(run)).rejects.toMatchObject({ code: "run_failed" });
    const [letter, ...others] = (await engine.deadLetters.list({ runId: run.id })).items;
    expect(others).toEqual([]);
    const [child] = await childrenOf(run, "failed");
    expect(letter).toMatchObject({
      node: "ship",
      item: 1,
      error: { class: "child_failed", child: child!.id },
    });
    broken = [];
    await engine.deadLetters.redrive(letter!.id);
    expect(await result(run)).toEqual([{ parcel: 14 }, { parcel: 16 }, { parcel: 18 }]);
    expect(await childrenOf(run)).toHaveLength(3);
    expect(calls.filter((n) => n === 8)).toHaveLength(2);
  });

  test("a child that is redriven by itself mends its item", async () => {
    broken = [8];
    const run = await engine.runs.start(order, { input: { lines: [7, 8] } });
    await expect(result(run)).rejects.toMatchObject({ code: "run_failed" });
    broken = [];
    const [child] = await childrenOf(run, "failed");
    const [own] = (await engine.deadLetters.list({ runId: child!.id })).items;
    await engine.deadLetters.redrive(own!.id);
    await expect.poll(() => run.status(), { timeout: 20_000 }).toBe("succeeded");
    expect(await result(run)).toEqual([{ parcel: 14 }, { parcel: 16 }]);
  });

  test("a cancel tells the children, waits for them, and begins no others", async () => {
    const run = await engine.runs.start(holding, { input: { lines: [0, 1, 2] } });
    await expect.poll(async () => (await childrenOf(run, "waiting")).length, { timeout: 20_000 }).toBe(2);
    await run.cancel();
    await expect(result(run)).rejects.toMatchObject({ code: "run_cancelled" });
    expect(await childrenOf(run, "cancelled")).toHaveLength(2);
    expect(await childrenOf(run)).toHaveLength(2);
  });

  test("what cannot be started fails its item, and nothing is stored", async () => {
    const document: WorkflowDocument = {
      format: 1,
      name: "wrong",
      nodes: {
        ship: {
          kind: "action",
          action: "workflow.run",
          forEach: "input.lines",
          onItemError: "collect",
          input: { workflow: "parcel", input: { n: "{{ item }}" } },
        },
      },
      edges: [],
      output: "{{ nodes.ship.output }}",
    };
    const run = await engine.runs.start(defineWorkflow(document), { input: { lines: [1, "x"] } });
    expect(await result(run)).toMatchObject([
      { ok: true, value: { parcel: 2 } },
      { ok: false, error: { class: "input_invalid" } },
    ]);
    expect(await childrenOf(run)).toHaveLength(1);
  });

  test("300 items over two engines: each child is started once, and heard once", async () => {
    const other = backend.engine({ workflows: [order] });
    await other.start();
    const run = await engine.runs.start(order, { input: { lines: numbers(300) } });
    expect(await result(run)).toEqual(numbers(300).map((n) => ({ parcel: n * 2 })));
    expect(calls.toSorted((a, b) => a - b)).toEqual(numbers(300));
    expect(await childrenOf(run)).toHaveLength(300);
  });
});
