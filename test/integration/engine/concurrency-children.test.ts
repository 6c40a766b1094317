/** Child runs of a workflow that limits how many of its runs are under way, on both backends. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { defineAction, defineWorkflow, type Engine, type RunHandle } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";

onEachBackend("children and limits of runs", (name) => {
  let backend: Backend;
  let engine: Engine;
  let atWork = 0;
  let most = 0;

  const serve = defineAction({
    name: "serve",
    effect: "idempotent",
    run: async ({ input }) => {
      most = Math.max(most, ++atWork);
      // The others of the same moment could begin now.
      await new Promise(setImmediate);
      atWork--;
      return input;
    },
  });

  beforeEach(async () => {
    [atWork, most] = [0, 0];
    backend = await openBackend(name);
    engine = backend.engine({ actions: [serve] });
    await engine.start();
  });
  afterEach(() => backend[Symbol.asyncDispose]());

  const child = (concurrency: object) =>
    defineWorkflow({
      format: 1,
      name: "child",
      concurrency,
      nodes: { serve: { kind: "action", action: "serve", input: { n: "{{ input.n }}" } } },
      edges: [],
      output: "{{ nodes.serve.output.n }}",
    });
  const parent = defineWorkflow({
    format: 1,
    name: "parent",
    nodes: {
      run: {
        kind: "action",
        action: "workflow.run",
        input: { workflow: "child", input: { n: "{{ input.n }}" } },
      },
    },
    edges: [],
    output: "{{ nodes.run.output }}",
  });
  const start = async (n: number): Promise<RunHandle> =>
    (await engine.runs.start(parent, { input: { n } })) as RunHandle;

  test("children wait for room as other runs do, and their parents for them", async () => {
    await engine.workflows.register(child({ limit: 1 }));
    const runs = await Promise.all(Array.from({ length: 10 }, (_, n) => start(n)));
    expect(await Promise.all(runs.map((run) => run.result({ timeout: "30s" })))).toEqual(
      runs.map((_, n) => n),
    );
    expect(most).toBe(1);
  });

  test("a parent that is cancelled takes its child out of the queue", async () => {
    const word = defineWorkflow({
      format: 1,
      name: "child",
      concurrency: { limit: 1 },
      nodes: { word: { kind: "wait", for: { signal: "word" } } },
      edges: [],
    });
    await engine.workflows.register(word);
    const [first, second] = [await start(1), await start(2)];
    const children = async (status: "queued" | "waiting") =>
      (await engine.runs.list({ workflow: "child", status: [status] })).items;
    await expect.poll(async () => (await children("queued")).length, { timeout: 10_000 }).toBe(1);
    const [holder] = await children("waiting");
    const isFirst = holder!.parent?.runId === first.id;
    const [inside, outside] = isFirst ? [first, second] : [second, first];
    await outside.cancel();
    await expect(outside.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_cancelled" });
    await expect.poll(async () => (await children("queued")).length, { timeout: 10_000 }).toBe(0);
    await engine.runs.signal(holder!.id, "word");
    await inside.result({ timeout: "20s" });
  });

  test("reject: the node fails, and its run can be mended", async () => {
    const word = defineWorkflow({
      format: 1,
      name: "child",
      concurrency: { limit: 1, onLimit: "reject" },
      nodes: { word: { kind: "wait", for: { signal: "word" } } },
      edges: [],
      output: 7,
    });
    const holder = await engine.runs.start(word);
    const run = await start(1);
    await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
    const [letter] = (await engine.deadLetters.list()).items;
    expect(letter).toMatchObject({ node: "run", error: { class: "concurrency_limit_reached" } });
    await holder.signal("word");
    await holder.result({ timeout: "20s" });
    await engine.deadLetters.redrive(letter!.id);
    await expect
      .poll(async () => (await engine.runs.list({ workflow: "child", status: ["waiting"] })).items.length, {
        timeout: 10_000,
      })
      .toBe(1);
    const [mended] = (await engine.runs.list({ workflow: "child", status: ["waiting"] })).items;
    await engine.runs.signal(mended!.id, "word");
    expect(await run.result({ timeout: "20s" })).toBe(7);
  });
});
