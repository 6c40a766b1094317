/** Input that nobody should send: a clear error, and nothing of it is stored. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { createEngine, defineWorkflow, type Engine, type WorkflowDocument } from "../../../src/index.ts";
import { testDatabase, type TestDatabase } from "../../support/servers.ts";
import { action, add, chain } from "./documents.ts";

const ORDER: WorkflowDocument = {
  ...chain(1, "order"),
  input: {
    type: "object",
    properties: { n: { type: "integer", minimum: 0 } },
    required: ["n"],
    additionalProperties: false,
  },
};

/** Does nothing until its time is over. */
const hold = action("hold", ({ signal }) => {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason as Error));
  return promise;
});

describe("input", () => {
  let database: TestDatabase;
  let engine: Engine;

  beforeAll(async () => {
    database = await testDatabase();
    engine = createEngine({
      postgres: database.url,
      workflows: [defineWorkflow(ORDER)],
      actions: [add(), hold],
    });
    await engine.start();
  });

  afterAll(async () => {
    await engine.stop();
    await database.drop();
  });

  const stored = () => database.query("select count(*)::int as runs from flowforge.runs");

  const refused = async (start: () => Promise<unknown>, expected: object): Promise<void> => {
    const before = await stored();
    await expect(start()).rejects.toMatchObject(expected);
    expect(await stored()).toEqual(before);
  };

  test.each([
    [{}, "n"],
    [{ n: -1 }, "n"],
    [{ n: "1" }, "n"],
    [{ n: 1, extra: true }, "extra"],
    [undefined, "object"],
  ])("that the workflow's schema refuses: %j", async (input, named) => {
    const starting = () => engine.runs.start("order", { input });
    await refused(starting, {
      code: "input_invalid",
      subject: 'the input of workflow "order"',
      received: expect.stringContaining(named) as string,
    });
  });

  test("every problem at once", async () => {
    const starting = () => engine.runs.start("order", { input: { n: 1.5, a: 1, b: 2 } });
    await refused(starting, { received: expect.stringMatching(/n.*a.*b|a.*b.*n/s) as string });
  });

  test("one of many that is wrong: none is started", async () => {
    const starting = () => engine.runs.startMany("order", [{ input: { n: 1 } }, { input: { n: -1 } }]);
    await refused(starting, { code: "input_invalid" });
  });

  const cyclic: Record<string, unknown> = { n: 1 };
  cyclic["self"] = cyclic;
  const deep = JSON.parse("[".repeat(200) + "]".repeat(200)) as unknown;
  test.each([
    ["a bigint", { n: 1n }],
    ["a function", { n: () => 1 }],
    ["NaN", { n: Number.NaN }],
    ["a date", { n: new Date() }],
    ["a map", new Map([["n", 1]])],
    ["itself within itself", cyclic],
    ["200 levels", { n: deep }],
    ["2 MB", { n: "x".repeat(2 << 20) }],
  ])("that is no JSON within the limits: %s", async (_name, input) => {
    const starting = () => engine.runs.start("order", { input });
    await refused(starting, { code: "value_invalid", subject: 'the input of workflow "order"' });
  });

  test("text with a NUL and half a surrogate pair comes back as it went in", async () => {
    const echo = { ...chain(1, "echo"), output: "{{ input }}" };
    const input = { n: 1, text: "a\0b \ud800 \u2028 \\u0000" };
    const run = await engine.runs.start(defineWorkflow(echo), { input });
    expect(await run.result({ timeout: "20s" })).toEqual(input);
    expect((await run.detail()).input).toEqual(input);
  });

  test("a zod schema's message reaches the caller; what it makes of the input is what is stored", async () => {
    const workflow = {
      ...defineWorkflow(chain(1, "typed")),
      inputSchema: z.object({ n: z.coerce.number().max(5) }),
    };
    await refused(() => engine.runs.start(workflow, { input: { n: "9" } }), { code: "input_invalid" });
    const run = await engine.runs.start(workflow, { input: { n: "4" } });
    expect(await run.result({ timeout: "20s" })).toBe(5);
    expect((await run.detail()).input).toEqual({ n: 4 });
  });

  test("names that do not exist", async () => {
    await refused(() => engine.runs.start("ordr"), {
      code: "workflow_not_found",
      subject: 'workflow "ordr" in workspace "default"',
      next: expect.stringContaining('"order"') as string,
    });
    await refused(() => engine.runs.start("order", { input: { n: 1 }, trigger: "nightly" }), {
      code: "trigger_required",
      received: '"nightly"',
    });
  });

  test.each(["", "not-a-run-id", "'; drop table runs; --", "00000000-0000-0000-0000-000000000000"])(
    "the run id %j leads nowhere",
    async (id) => {
      expect(await engine.runs.get(id)).toBeNull();
      await expect(engine.runs.handle(id).status()).rejects.toMatchObject({ code: "run_not_found" });
      await expect(engine.runs.handle(id).result({ timeout: "1s" })).rejects.toMatchObject({
        code: "run_not_found",
      });
    },
  );

  test.each([
    ["limit", { limit: 0 }],
    ["limit", { limit: 100_000 }],
    ["limit", { limit: 1.5 }],
    ["cursor", { cursor: "garbage" }],
    ["createdAfter", { createdAfter: new Date("never") }],
    ["status", { status: ["done"] }],
    ["error", { error: "" }],
    ["error", { error: "x".repeat(201) }],
    ["error", { error: "a\u0000b" }],
    ["error", { error: "\ud800" }],
    ["error", { error: 502 }],
    ["workspace", { workspace: "" }],
    ["statuses", { statuses: ["failed"] }],
  ])("runs.list with a wrong %s: %j", async (name, options) => {
    await expect(engine.runs.list(options as never)).rejects.toMatchObject({
      code: "option_invalid",
      subject: expect.stringContaining(name) as string,
    });
  });

  test.each([
    ["labels", { labels: { team: 5 } }],
    ["labels", { labels: Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`l${n}`, "x"])) }],
    ["workspace", { workspace: "a\0b" }],
    ["workspace", { workspace: "x".repeat(300) }],
    ["lables", { lables: {} }],
  ])("runs.start with a wrong %s", async (name, options) => {
    await refused(() => engine.runs.start("order", { input: { n: 1 }, ...options } as never), {
      code: "option_invalid",
      subject: expect.stringContaining(name) as string,
    });
  });

  const flow = (more: object, node: object = {}): unknown => ({
    ...ORDER,
    name: "zero",
    ...more,
    nodes: { s0: { ...ORDER.nodes["s0"], ...node } },
  });
  const register = (document: unknown) => engine.workflows.register(document as WorkflowDocument);
  const schedule = { workflow: "order", trigger: "tick" };
  test.each<[string, () => Promise<unknown>, string]>([
    ["runs at once", () => register(flow({ concurrency: { limit: 0 } })), "definition_invalid"],
    ["items at once", () => register(flow({}, { forEach: "[1]", concurrency: 0 })), "definition_invalid"],
    ["items of a page", () => engine.runs.items("x", "s0", { limit: 0 }), "option_invalid"],
    ["dead letters", () => engine.deadLetters.list({ limit: 0 }), "option_invalid"],
    ["credentials", () => engine.credentials.list({ limit: 0 }), "option_invalid"],
    ["schedules", () => engine.schedules.list({ limit: 0 }), "option_invalid"],
    ["ticks", () => engine.schedules.next({ ...schedule, count: 0 }), "option_invalid"],
    ["deliveries", () => engine.webhooks.deliveries({ limit: 0 }), "option_invalid"],
    ["a version", () => engine.workflows.get("order", { version: 0 }), "option_invalid"],
    ["children's depth", async () => createEngine({ limits: { childDepth: 0 } }), "option_invalid"],
    ["a run's bytes", async () => createEngine({ limits: { runBytes: 0 } }), "option_invalid"],
    ["a value's bytes", async () => createEngine({ limits: { maxBytes: 0 } }), "option_invalid"],
    ["actions at once", async () => createEngine({ worker: { concurrency: 0 } }), "option_invalid"],
    ["a lease", async () => createEngine({ worker: { lease: 0 } }), "option_invalid"],
  ])("a limit of 0: %s", async (_what, call, code) => {
    await refused(call, { code });
  });

  test.each<[string, { node?: object; options?: object }, string]>([
    ["a timeout", { node: { timeout: 0, retry: { immediate: 0, backoff: [] } } }, "timeout"],
    ["a node's deadline", { node: { deadline: "0s" } }, "deadline_exceeded"],
    ["a run's deadline", { options: { deadline: 0 } }, "deadline_exceeded"],
  ])(
    "%s of 0 leaves no time: the run fails, and nothing hangs",
    async (_what, { node, options }, expected) => {
      const workflow = defineWorkflow(flow({}, { action: "hold", ...node }) as WorkflowDocument);
      const run = await engine.runs.start(workflow, { input: { n: 1 }, ...options });
      await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({
        code: "run_failed",
        failures: [{ error: { class: expected } }],
      });
    },
  );
});
