/** Child workflows: started once, waited for without a worker, and told to their parents however they end. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import {
  defineAction,
  defineWorkflow,
  type Engine,
  type EngineOptions,
  type Json,
  PermanentError,
  RunCancelledError,
  RunFailedError,
  type RunHandle,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";

onEachBackend("child workflows", (name) => {
  let backend: Backend;
  let engine: Engine;
  /** What `work` was called with. */
  let calls: number[];
  let fails: boolean;
  let undone: number[];

  const work = defineAction({
    name: "work",
    input: z.object({ n: z.number() }),
    output: z.object({ twice: z.number() }),
    retry: { immediate: 0, backoff: [] },
    run: ({ input }) => {
      calls.push(input.n);
      if (fails) throw new PermanentError("it cannot be done");
      return { twice: input.n * 2 };
    },
  });
  const undo = defineAction({
    name: "undo",
    input: z.object({ n: z.number() }),
    run: ({ input }) => void undone.push(input.n),
  });

  const shipping = defineWorkflow({
    name: "shipping",
    input: z.object({ n: z.number() }),
    build: ({ action, input }) => {
      const done = action("work", work, { n: input.n });
      done.compensate(undo, { n: input.n });
      return { parcel: done.output.twice };
    },
  });

  const order = defineWorkflow({
    name: "order",
    input: z.object({ n: z.number() }),
    build: ({ child, action, input }) => {
      const shipped = child("ship", shipping, { n: input.n }, { labels: { of: "order" } });
      const last = action("last", work, { n: shipped.output.parcel });
      return { parcel: shipped.output.parcel, last: last.output.twice };
    },
  });

  const held = defineWorkflow({
    name: "held",
    build: ({ wait }) => {
      const gone = wait("gate", { signal: "go" });
      return { got: gone.output };
    },
  });
  const holding = defineWorkflow({
    name: "holding",
    build: ({ child }) => child("hold", held).output,
  });

  beforeEach(async () => {
    backend = await openBackend(name);
    [calls, undone, fails] = [[], [], false];
  });

  afterEach(() => backend[Symbol.asyncDispose]());

  async function begin(options: EngineOptions = {}): Promise<Engine> {
    engine = backend.engine({ workflows: [order, holding], ...options });
    await engine.start();
    return engine;
  }

  const result = (run: RunHandle): Promise<unknown> => run.result({ timeout: "20s" });
  const failure = (run: RunHandle): Promise<unknown> =>
    result(run).then(
      (value) => new Error(`it gave ${JSON.stringify(value)}`),
      (reason: unknown) => reason,
    );

  /** The runs that were started by this one. */
  async function childrenOf({ id }: RunHandle): Promise<readonly RunHandle[]> {
    const { items } = await engine.runs.list({ parent: id });
    return items.map((item) => engine.runs.handle(item.id));
  }

  async function onlyChild(run: RunHandle): Promise<RunHandle> {
    await expect.poll(() => childrenOf(run), { timeout: 20_000 }).toHaveLength(1);
    return (await childrenOf(run))[0]!;
  }

  const letters = async (run: RunHandle): Promise<readonly { id: string; error: Json }[]> =>
    (await engine.deadLetters.list({ runId: run.id })).items as never;

  test("the output of a child is that of its node, and both know each other", async () => {
    await begin();
    const run = await engine.runs.start(order, { input: { n: 3 } });
    expect(await result(run)).toEqual({ parcel: 6, last: 12 });
    expect(calls).toEqual([3, 6]);
    const child = await onlyChild(run);
    const { header } = (await engine.runs.get(child.id))!;
    expect(header).toMatchObject({ workflow: "shipping", status: "succeeded", labels: { of: "order" } });
    expect(header.parent).toEqual({ runId: run.id, node: "ship", generation: 0, root: run.id, depth: 1 });
  });

  test("while a child runs, its node waits and holds no worker", async () => {
    await begin({ worker: { concurrency: 1 } });
    const run = await engine.runs.start(holding);
    const child = await onlyChild(run);
    await expect.poll(() => child.status()).toBe("waiting");
    const { nodes, header } = (await engine.runs.get(run.id))!;
    expect(header.status).toBe("waiting");
    expect(nodes.find(({ node }) => node === "hold")).toMatchObject({
      status: "waiting",
      waitingFor: "child",
    });
    expect(await result(await engine.runs.start(order, { input: { n: 1 } }))).toEqual({ parcel: 2, last: 4 });
    await child.signal("go", { by: "me" });
    expect(await result(run)).toEqual({ got: { by: "me" } });
  });

  test("a child that fails fails its node; a redrive of the node goes on in the same child", async () => {
    await begin();
    fails = true;
    const run = await engine.runs.start(order, { input: { n: 3 } });
    expect(await failure(run)).toBeInstanceOf(RunFailedError);
    const child = await onlyChild(run);
    const [letter] = await letters(run);
    expect(letter!.error).toMatchObject({ class: "child_failed", child: child.id, status: "failed" });
    fails = false;
    await engine.deadLetters.redrive(letter!.id);
    expect(await result(run)).toEqual({ parcel: 6, last: 12 });
    expect(calls).toEqual([3, 3, 6]);
    expect(await childrenOf(run)).toHaveLength(1);
    expect(await letters(child)).toEqual([]);
  });

  test("a child that is redriven by itself resolves the dead letter of its node", async () => {
    await begin();
    fails = true;
    const run = await engine.runs.start(order, { input: { n: 3 } });
    await failure(run);
    fails = false;
    const child = await onlyChild(run);
    const [own] = await letters(child);
    const [above] = await letters(run);
    await engine.deadLetters.redrive(own!.id);
    await expect.poll(() => run.status(), { timeout: 20_000 }).toBe("succeeded");
    expect(await engine.deadLetters.get(above!.id)).toMatchObject({ resolution: "completed" });
    expect(calls).toEqual([3, 3, 6]);
  });

  test("`newKey` starts another child", async () => {
    await begin();
    fails = true;
    const run = await engine.runs.start(order, { input: { n: 3 } });
    await failure(run);
    const [letter] = await letters(run);
    fails = false;
    await engine.deadLetters.redrive(letter!.id, { newKey: true });
    expect(await result(run)).toEqual({ parcel: 6, last: 12 });
    const children = await Promise.all((await childrenOf(run)).map((child) => child.status()));
    expect(children.toSorted()).toEqual(["failed", "succeeded"]);
  });

  test("an error edge takes the failure of a child", async () => {
    fails = true;
    const careful = defineWorkflow({
      name: "careful",
      build: ({ child, action, text }) => {
        const shipped = child("ship", shipping, { n: 1 });
        const told = action("tell", { run: ({ input }) => ({ told: input }) }, text`${shipped.error.class}`, {
          after: shipped.on("error"),
        });
        return { told: told.output };
      },
    });
    await begin({ workflows: [careful] });
    expect(await result(await engine.runs.start(careful))).toEqual({ told: { told: "child_failed" } });
  });

  test.each([
    ["a workflow that there is not", { workflow: "shiping" }, "workflow_not_found"],
    ["a version that there is not", { workflow: "shipping", version: 99 }, "workflow_not_found"],
    ["an input that does not fit", { workflow: "shipping", input: { n: "x" } }, "input_invalid"],
    [
      "a trigger that there is not",
      { workflow: "shipping", input: { n: 1 }, trigger: "no" },
      "trigger_required",
    ],
    [
      "a deadline that is none",
      { workflow: "shipping", input: { n: 1 }, deadline: "soon" },
      "duration_invalid",
    ],
  ])("%s fails the node, and nothing is stored", async (_, input, code) => {
    const wrong = {
      format: 1,
      name: "wrong",
      nodes: { a: { kind: "action", action: "workflow.run", input } },
      edges: [],
    };
    await begin({ workflows: [order, defineWorkflow(wrong)] });
    const run = await engine.runs.start("wrong");
    expect(await failure(run)).toBeInstanceOf(RunFailedError);
    expect((await letters(run))[0]!.error).toMatchObject({ class: code });
    expect(await childrenOf(run)).toEqual([]);
  });

  test("a cancel travels down, and the run above is cancelled once the one below is", async () => {
    await begin();
    const outer = defineWorkflow({ name: "outer", build: ({ child }) => child("hold", holding).output });
    const run = await engine.runs.start((await engine.workflows.register(outer), "outer"));
    const middle = await onlyChild(run);
    const inner = await onlyChild(middle);
    await expect.poll(() => inner.status()).toBe("waiting");
    await run.cancel();
    expect(await failure(run)).toBeInstanceOf(RunCancelledError);
    expect(await Promise.all([middle.status(), inner.status()])).toEqual(["cancelled", "cancelled"]);
    await run.cancel();
  });

  test("what a cancelled child has done is undone where that is asked for", async () => {
    const long = defineWorkflow({
      name: "long",
      build: ({ action, wait }) => {
        const done = action("work", work, { n: 5 });
        done.compensate(undo, { n: 5 });
        wait("gate", { signal: "go", after: done });
      },
    });
    const above = defineWorkflow({ name: "above", build: ({ child }) => void child("long", long) });
    await begin({ workflows: [above] });
    const run = await engine.runs.start(above);
    const child = await onlyChild(run);
    await expect.poll(() => child.status()).toBe("waiting");
    await run.cancel({ compensate: true });
    expect(await failure(run)).toBeInstanceOf(RunCancelledError);
    expect(undone).toEqual([5]);
    expect(await child.status()).toBe("cancelled");
  });

  test("a child that is cancelled by itself fails its node", async () => {
    await begin();
    const run = await engine.runs.start(holding);
    const child = await onlyChild(run);
    await child.cancel();
    expect(await failure(run)).toBeInstanceOf(RunFailedError);
    expect((await letters(run))[0]!.error).toMatchObject({ class: "child_failed", status: "cancelled" });
  });

  test("a pause of the run above does not pause the one below; its end is taken up at the resume", async () => {
    await begin();
    const run = await engine.runs.start(holding);
    const child = await onlyChild(run);
    await run.pause();
    await child.signal("go", 1);
    expect(await result(child)).toEqual({ got: 1 });
    await run.resume();
    expect(await result(run)).toEqual({ got: 1 });
  });

  test("a workflow may run itself, as deep as the engine allows", async () => {
    const steps = { kind: "condition", cases: [{ outcome: "deeper", if: "input.left > 0" }] };
    const deeper = {
      kind: "action",
      action: "workflow.run",
      input: { workflow: "deep", input: { left: "{{ input.left - 1 }}" } },
    };
    const deep = defineWorkflow({
      format: 1,
      name: "deep",
      nodes: { steps, deeper },
      edges: [{ from: "steps", to: "deeper", on: "deeper" }],
      output: { depth: "{{ nodes.deeper.output == null ? 0 : nodes.deeper.output.depth + 1 }}" },
    });
    await begin({ workflows: [deep] });
    expect(await result(await engine.runs.start("deep", { input: { left: 10 } }))).toEqual({ depth: 10 });
    const run = await engine.runs.start("deep", { input: { left: 11 } });
    expect(await failure(run)).toBeInstanceOf(RunFailedError);
    const { items } = await engine.deadLetters.list({});
    expect(items.map(({ error }) => error.class).toSorted()).toEqual([
      ...Array<string>(10).fill("child_failed"),
      "children_too_deep",
    ]);
  });

  test("a hundred children of fifty runs over two engines: each is started once, and heard once", async () => {
    const fan = defineWorkflow({
      name: "fan",
      input: z.object({ n: z.number() }),
      build: ({ child, input, expr }) => {
        const a = child("a", shipping, { n: input.n });
        const b = child("b", shipping, { n: expr`${input.n} + 1000` });
        return { sum: expr`${a.output.parcel} + ${b.output.parcel}` };
      },
    });
    await begin({ workflows: [fan] });
    const second = backend.engine({ workflows: [fan] });
    await second.start();
    const runs = await Promise.all(
      Array.from({ length: 50 }, (_, n) => (n % 2 ? engine : second).runs.start(fan, { input: { n } })),
    );
    const sums = await Promise.all(runs.map((run) => result(run)));
    expect(sums).toEqual(runs.map((_, n) => ({ sum: 4 * n + 2_000 })));
    expect(calls.toSorted((a, b) => a - b)).toEqual([
      ...Array.from({ length: 50 }, (_, n) => n),
      ...Array.from({ length: 50 }, (_, n) => n + 1_000),
    ]);
  });
});
