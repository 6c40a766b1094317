/** Large values, and the limits of a value and of a run. */
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Action,
  defineAction,
  defineWorkflow,
  type Engine,
  type EngineOptions,
  type Json,
  PermanentError,
  RunFailedError,
  type RunHandle,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const KIB = 1_024;
const MIB = KIB * KIB;

/** As JSON it has exactly so many bytes. */
const text = (bytes: number, letter = "x"): string => letter.repeat(bytes - 2);

onEachBackend("large values", (name) => {
  let backend: Backend;
  let engine: Engine;

  beforeEach(async () => {
    backend = await openBackend(name);
  });

  afterEach(() => backend[Symbol.asyncDispose]());

  async function begin(actions: readonly Action[], options: EngineOptions = {}): Promise<void> {
    engine = backend.engine({ actions, ...options });
    await engine.start();
  }

  const start = (document: WorkflowDocument, input: Json = null): Promise<RunHandle> =>
    engine.runs.start(defineWorkflow(document), { input });

  const result = (run: RunHandle): Promise<unknown> => run.result({ timeout: "30s" });

  async function failures(run: RunHandle): Promise<RunFailedError["failures"]> {
    const error = await result(run).catch((reason: unknown) => reason);
    if (!(error instanceof RunFailedError)) throw new Error("The run did not fail.", { cause: error });
    return error.failures;
  }

  const tooLarge = (what: string): object => ({
    class: "run_too_large",
    message: expect.stringContaining(`There is no room for ${what}: it has `) as string,
  });

  /** Each gives what it gets, with its own letter. */
  const passing = (length: number): WorkflowDocument => ({
    format: 1,
    name: `passing-${length}`,
    nodes: Object.fromEntries(
      Array.from({ length }, (_, i) => [
        `s${i}`,
        { kind: "action", action: "pass", input: i === 0 ? "{{ input }}" : `{{ nodes.s${i - 1}.output }}` },
      ]),
    ),
    edges: Array.from({ length: length - 1 }, (_, i) => ({ from: `s${i}`, to: `s${i + 1}` })),
    output: `{{ nodes.s${length - 1}.output }}`,
  });

  const pass = action("pass", ({ input }) => input);

  test("a chain of values of 200 KiB, and what the run counts of it", async () => {
    await begin([pass]);
    const value = text(200 * KIB);
    const run = await start(passing(10), value);
    expect(await result(run)).toBe(value);
    const detail = await run.detail();
    expect(detail.nodes.map(({ output }) => output === value)).toEqual(
      Array.from({ length: 10 }, () => true),
    );
    // The run's input and output, both of each node, and what stands around the input in the trigger's payload.
    expect(detail.bytes).toBeGreaterThan(22 * 200 * KIB);
    expect(detail.bytes).toBeLessThan(22 * 200 * KIB + 200);
  });

  const making = (rest: object = {}): WorkflowDocument => ({
    format: 1,
    name: "making",
    nodes: { each: { kind: "action", action: "make", forEach: "input", input: "{{ item }}", ...rest } },
    edges: [],
    output: "{{ nodes.each.output }}",
  });

  const make = action("make", ({ input }) => `${String(input)}${text(100 * KIB)}`);

  test("a map with results of 100 KiB", async () => {
    await begin([make]);
    const run = await start(making(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const outputs = (await result(run)) as string[];
    expect(outputs.map((output) => output[0])).toEqual("123456789".split(""));
    expect(new Set(outputs.map((output) => output.slice(1)))).toEqual(new Set([text(100 * KIB)]));
    expect((await run.detail()).bytes).toBeGreaterThan(18 * 100 * KIB);
  });

  const approval: WorkflowDocument = {
    format: 1,
    name: "approval",
    nodes: {
      first: { kind: "wait", for: { signal: "one" } },
      second: { kind: "wait", for: { signal: "two" } },
    },
    edges: [{ from: "first", to: "second" }],
    output: "{{ nodes.second.output }}",
  };

  test("a signal of 900 KiB, at its wait and before it; one that has no room is refused and can be sent smaller", async () => {
    await begin([], { limits: { runBytes: 3 * MIB } });
    const run = await start(approval);
    const [one, two, three] = [text(900 * KIB, "1"), text(900 * KIB, "2"), text(900 * KIB, "3")];
    await run.signal("two", two);
    await run.signal("two", three);
    await run.signal("one", one, { id: "a" });
    // The output of the run has no room any more.
    expect(await failures(run)).toMatchObject([
      { node: "$output", error: tooLarge("the output of the run") },
    ]);
    const detail = await run.detail();
    expect(detail.nodes.find(({ node }) => node === "first")?.output).toBe(one);
    expect(detail.nodes.find(({ node }) => node === "second")?.output).toBe(two);
    const other = await start(approval);
    for (const id of ["a", "b", "c"]) await other.signal("two", two, { id });
    await expect(other.signal("one", one, { id: "d" })).rejects.toMatchObject({
      code: "run_too_large",
      subject: `the payload of signal "one" for run ${other.id}`,
      expected: `room in the run: its values may have ${3 * MIB} bytes (limits.runBytes)`,
      received: `${900 * KIB} bytes, and the values of the run have ${3 * 900 * KIB}`,
    });
    expect(await engine.publish("nobody", one)).toMatchObject({ runs: 0 });
    expect(await other.signal("one", "small", { id: "d" })).toEqual({ repeated: false });
  });

  test("an event for which a run has no room does not reach it, and the sender is told", async () => {
    await begin([], { limits: { runBytes: MIB } });
    const waiting: WorkflowDocument = {
      ...approval,
      name: "events",
      nodes: {
        first: { kind: "wait", for: { event: "one" } },
        second: { kind: "wait", for: { event: "two" } },
      },
      output: null,
    };
    const [full, free] = [await start(waiting), await start(waiting)];
    await full.signal("kept", text(900 * KIB));
    expect(await engine.publish("one", text(200 * KIB))).toMatchObject({ runs: 1, full: 1 });
    expect(await engine.publish("two", 1)).toMatchObject({ runs: 2 });
    expect(await result(free)).toBe(null);
  });

  test("a run that passes 16 MiB stops at the node that would; it goes on where there is more room", async () => {
    const megabyte = text(MIB - 10 * KIB);
    const giving = action("pass", () => megabyte);
    const document: WorkflowDocument = {
      ...passing(18),
      nodes: Object.fromEntries(
        Array.from({ length: 18 }, (_, i) => [`s${i}`, { kind: "action", action: "pass" }]),
      ),
      output: "done",
    };
    await begin([giving]);
    const run = await start(document);
    expect(await failures(run)).toMatchObject([{ node: "s16", error: tooLarge('the output of node "s16"') }]);
    const { bytes, nodes } = await run.detail();
    expect(bytes).toBeGreaterThanOrEqual(16 * (MIB - 10 * KIB));
    expect(bytes).toBeLessThanOrEqual(16 * MIB);
    expect(nodes.find(({ node }) => node === "s16")?.error?.message).toContain("of at most 16777216");
    await engine.stop();
    await begin([giving], { limits: { runBytes: 32 * MIB } });
    const { items } = await engine.deadLetters.list({ runId: run.id });
    await engine.deadLetters.redrive(items[0]!.id);
    expect(await engine.runs.handle(run.id).result({ timeout: "30s" })).toBe("done");
  });

  test("an output for which there is no room goes the node's error edge, and an action whose input has none does not run", async () => {
    let ran = 0;
    const big = action("big", () => {
      ran += 1;
      return text(500 * KIB);
    });
    await begin([big, pass], { limits: { runBytes: MIB } });
    const document = (input: Json): WorkflowDocument => ({
      format: 1,
      name: "edges",
      nodes: {
        a: { kind: "action", action: "big" },
        b: { kind: "action", action: "big", input },
        c: { kind: "action", action: "pass", input: "{{ nodes.b.error }}" },
      },
      edges: [
        { from: "a", to: "b" },
        { from: "b", to: "c", on: "error" },
      ],
      output: "{{ nodes.c.output }}",
    });
    expect(await result(await start(document("{{ nodes.a.output }}")))).toMatchObject(
      tooLarge('the output of node "b"'),
    );
    expect(ran).toBe(2);
    const twice = ["{{ nodes.a.output }}", "{{ nodes.a.output }}"];
    expect(await result(await start(document(twice)))).toMatchObject(tooLarge('the input of node "b"'));
    expect(ran).toBe(3);
  });

  test("items for which there is no room fail, and the others do not", async () => {
    await begin([make], { limits: { runBytes: MIB } });
    const run = await start(
      making({ onItemError: "collect" }),
      Array.from({ length: 20 }, (_, i) => i),
    );
    const error = await failures(run);
    expect(error).toMatchObject([{ node: "$output" }]);
    const { bytes } = await run.detail();
    expect(bytes).toBeGreaterThan(900 * KIB);
    expect(bytes).toBeLessThanOrEqual(MIB);
    const items = await backend.database.query<{ status: string; count: number }>(
      `select status, error ->> 'class' as class, count(*)::int as count from flowforge.node_runs
       where item >= 0 group by 1, 2 order by 1`,
    );
    expect(items).toEqual([
      { status: "failed", class: "run_too_large", count: 10 },
      { status: "succeeded", class: null, count: 10 },
    ]);
  });

  test("what a transactional action wrote is gone where its output has no room", async () => {
    await backend.database.query("create table written (what text)");
    const writing = defineAction({
      name: "write",
      effect: "transactional",
      run: async ({ tx }) => {
        await tx.query("insert into written values ('x')");
        return text(600 * KIB);
      },
    });
    await begin([writing], { limits: { runBytes: MIB } });
    const run = await start({
      format: 1,
      name: "writing",
      nodes: {
        a: { kind: "action", action: "write" },
        b: { kind: "action", action: "write" },
      },
      edges: [{ from: "a", to: "b" }],
    });
    expect(await failures(run)).toMatchObject([{ node: "b", error: tooLarge('the output of node "b"') }]);
    expect(await backend.database.query("select what from written")).toHaveLength(1);
  });

  test("what undoes a run always has room", async () => {
    const undone: unknown[] = [];
    const undo = action("undo", ({ input }) => {
      undone.push(input);
      return null;
    });
    await begin([action("big", () => text(500 * KIB)), undo], { limits: { runBytes: MIB } });
    const run = await start({
      format: 1,
      name: "undoing",
      nodes: {
        a: { kind: "action", action: "big", compensate: { action: "undo", input: "{{ nodes.a.output }}" } },
        b: { kind: "action", action: "big", input: "{{ nodes.a.output }}" },
      },
      edges: [{ from: "a", to: "b" }],
      onFailure: "compensate",
    });
    await failures(run);
    expect(undone).toEqual([text(500 * KIB)]);
  });

  test("a value of 1 MiB is taken, and one byte more is not", async () => {
    const bytes = { now: MIB };
    await begin([action("pass", () => text(bytes.now))]);
    const document = { ...passing(1), output: null };
    await result(await start(document, text(MIB)));
    await expect(start(document, text(MIB + 1))).rejects.toMatchObject({
      code: "value_invalid",
      received: `a value that is larger than ${MIB} bytes`,
    });
    const run = await start(approval);
    await expect(run.signal("one", text(MIB + 1))).rejects.toMatchObject({ code: "value_invalid" });
    await run.signal("one", text(MIB));
    bytes.now = MIB + 1;
    expect(await failures(await start(document))).toMatchObject([
      {
        node: "s0",
        error: {
          class: "invalid_output",
          message: expect.stringContaining(`larger than ${MIB} bytes`) as string,
        },
      },
    ]);
  });

  test("an output that nothing reads any more is read again by a redrive and by a compensation", async () => {
    const value = text(300 * KIB);
    const seen: unknown[] = [];
    let fails = true;
    const give = action("give", () => value);
    const take = action("take", ({ input }) => {
      seen.push(input);
      if (fails) throw new PermanentError("no");
      return null;
    });
    const undo = action("undo", ({ input }) => seen.push(input));
    await begin([give, take, pass, undo]);
    const run = await start({
      format: 1,
      name: "again",
      nodes: {
        a: { kind: "action", action: "give", compensate: { action: "undo", input: "{{ nodes.a.output }}" } },
        b: { kind: "action", action: "take", input: "{{ nodes.a.output }}" },
        c: { kind: "action", action: "pass" },
        d: { kind: "wait", for: { signal: "end" } },
      },
      edges: [
        { from: "a", to: "b" },
        { from: "a", to: "c" },
        { from: "b", to: "d" },
      ],
      output: null,
    });
    await failures(run);
    fails = false;
    const { items } = await engine.deadLetters.list({ runId: run.id });
    await engine.deadLetters.redrive(items[0]!.id);
    await expect.poll(() => run.status()).toBe("waiting");
    await run.cancel({ compensate: true });
    await result(run).catch(() => undefined);
    expect(seen).toEqual([value, value, value]);
  });
});
