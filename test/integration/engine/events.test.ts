/** Events start runs: of every workflow with a trigger that matches, each once, beside the waits that they wake. */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Engine,
  type EngineEventMap,
  type Json,
  type RunHeader,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { transform } from "../../../src/actions.ts";
import { type Backend, collectingLogger, onEachBackend, openBackend } from "./backends.ts";

interface Listening {
  readonly name: string;
  readonly event: string;
  readonly filter?: string;
  readonly input?: Json;
  readonly schema?: WorkflowDocument["input"];
}

/** Runs end with what `trigger` was. */
function listening({ name, event, filter, input, schema }: Listening): WorkflowDocument {
  const source = { type: "event", name: event, ...(filter === undefined ? {} : { filter }) } as const;
  return {
    format: 1,
    name,
    ...(schema ? { input: schema } : {}),
    nodes: {
      heard: { kind: "trigger", source, ...(input === undefined ? {} : { input }) },
      again: { kind: "trigger" },
      a: { kind: "action", action: "transform", input: { trigger: "{{ trigger }}", input: "{{ input }}" } },
    },
    edges: [
      { from: "heard", to: "a" },
      { from: "again", to: "a" },
    ],
    output: "{{ nodes.a.output }}",
  };
}

onEachBackend("events", (name) => {
  let backend: Backend;
  let engine: Engine;
  const logger = collectingLogger();
  const refusals: EngineEventMap["event.refused"][] = [];

  beforeAll(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ logger, actions: [transform] });
    engine.on("event.refused", (event) => void refusals.push(event));
    await engine.start();
  }, 60_000);
  afterAll(() => backend[Symbol.asyncDispose]());

  const runsOf = async (workflow: string, workspace = "default"): Promise<readonly RunHeader[]> =>
    (await engine.runs.list({ workflow, workspace })).items;
  const register = async (documents: readonly Listening[], workspace = "default"): Promise<void> => {
    for (const document of documents) await engine.workflows.register(listening(document), { workspace });
  };

  test("start a run of every workflow whose filter is true, with the payload as its input", async () => {
    await register([
      { name: "all", event: "order.paid" },
      { name: "large", event: "order.paid", filter: "event.payload.cents > 1000 && trigger.payload.vip" },
      { name: "small", event: "order.paid", filter: "event.payload.cents <= 1000" },
      { name: "mapped", event: "order.paid", input: { cents: "{{ trigger.payload.cents }}" } },
      { name: "broken", event: "order.paid", filter: "event.payload.nothing > 3" },
      { name: "no-boolean", event: "order.paid", filter: "event.payload.cents" },
      { name: "other", event: "order.sent" },
    ]);
    await register([{ name: "elsewhere", event: "order.paid" }], "other");
    const payload = { cents: 2000, vip: true };
    const published = await engine.publish("order.paid", payload);
    expect(published).toEqual({ id: published.id, runs: 0, started: 3 });
    const [run] = await runsOf("all");
    const output = (await engine.runs.handle(run!.id).result({ timeout: "10s" })) as {
      trigger: { firedAt: string };
    };
    const known = await engine.events.get(published.id);
    expect(output).toEqual({
      input: payload,
      trigger: {
        id: "heard",
        type: "event",
        payload,
        headers: {},
        firedAt: new Date(known!.publishedAt).toISOString(),
        event: { id: published.id, name: "order.paid" },
      },
    });
    expect((await runsOf("mapped")).map(({ trigger, labels }) => ({ trigger, labels }))).toEqual([
      { trigger: "heard", labels: {} },
    ]);
    const [mapped] = await runsOf("mapped");
    expect((await engine.runs.get(mapped!.id))?.input).toEqual({ cents: 2000 });
    for (const workflow of ["small", "broken", "no-boolean", "other"])
      expect(await runsOf(workflow), workflow).toEqual([]);
    expect(await runsOf("elsewhere", "other")).toEqual([]);
    const failed = logger.lines.filter(({ message }) => message.startsWith("the filter of a trigger failed"));
    expect(failed.map(({ fields }) => fields)).toMatchObject([{ workflow: "broken", trigger: "heard" }]);
    expect(await engine.publish("order.paid", payload, { workspace: "other" })).toMatchObject({ started: 1 });
    expect(await runsOf("elsewhere", "other")).toHaveLength(1);
  });

  test("the same id is one event, also when it comes many times at once; with another payload it is refused", async () => {
    await register([{ name: "once", event: "once" }]);
    const calls = Array.from({ length: 10 }, () => engine.publish("once", { n: 1 }, { id: "e1" }));
    const published = await Promise.all(calls);
    expect(published.filter(({ repeated }) => !repeated)).toEqual([{ id: "e1", runs: 0, started: 1 }]);
    expect(await engine.publish("once", { n: 1 }, { id: "e1" })).toEqual({
      id: "e1",
      runs: 0,
      started: 1,
      repeated: true,
    });
    for (const [event, payload] of [
      ["once", { n: 2 }],
      ["twice", { n: 1 }],
    ] as const)
      await expect(engine.publish(event, payload, { id: "e1" })).rejects.toMatchObject({
        code: "event_conflict",
      });
    expect(await engine.publish("once", { n: 2 }, { id: "e1", workspace: "other" })).toMatchObject({
      runs: 0,
    });
    expect(await runsOf("once")).toHaveLength(1);
    const [{ id }] = (await runsOf("once")) as [RunHeader];
    // A rerun knows what started the run that it repeats.
    const rerun = await engine.runs.rerun(id);
    expect(await rerun.result({ timeout: "10s" })).toMatchObject({ trigger: { event: { id: "e1" } } });
  });

  test("pass by a workflow that is disabled, and one whose newest version does not listen any more", async () => {
    await register([
      { name: "tired", event: "wake" },
      { name: "moved", event: "wake" },
    ]);
    await engine.workflows.disable("tired");
    await register([{ name: "moved", event: "sleep" }]);
    expect(await engine.publish("wake")).toMatchObject({ started: 0 });
    await engine.workflows.enable("tired");
    expect(await engine.publish("wake")).toMatchObject({ started: 1 });
    expect(await engine.publish("sleep")).toMatchObject({ started: 1 });
    expect((await runsOf("moved")).map(({ version }) => version)).toEqual([2]);
  });

  test("wake waits and start runs together, and a run that they start does not hear them", async () => {
    await engine.workflows.register({
      format: 1,
      name: "waiting",
      nodes: {
        heard: { kind: "trigger", source: { type: "event", name: "both" } },
        begun: { kind: "trigger" },
        wait: { kind: "wait", for: { event: "both" } },
      },
      edges: [
        { from: "heard", to: "wait" },
        { from: "begun", to: "wait" },
      ],
    });
    const before = await engine.runs.start("waiting", { trigger: "begun" });
    expect(await engine.publish("both", 1)).toMatchObject({ runs: 1, started: 1 });
    await before.result({ timeout: "10s" });
    const [later] = await runsOf("waiting");
    const started = engine.runs.handle(later!.id);
    await expect.poll(() => started.status()).toBe("waiting");
    expect(await engine.publish("both", 2)).toMatchObject({ runs: 1, started: 1 });
    expect(await started.result({ timeout: "10s" })).toEqual({ wait: 2 });
  });

  test("an input that does not fit starts nothing, and is told and kept with its reason", async () => {
    const schema = {
      type: "object",
      required: ["order"],
      properties: { order: { type: "integer" } },
    } as const;
    await register([
      { name: "strict", event: "strict", schema },
      { name: "lenient", event: "strict" },
    ]);
    const before = refusals.length;
    const published = await engine.publish("strict", { order: "seven" }, { id: "s1" });
    expect(published).toEqual({ id: "s1", runs: 0, started: 1, refused: 1 });
    expect(await runsOf("strict")).toEqual([]);
    const refused = { workflow: "strict", trigger: "heard" };
    const known = await engine.events.get("s1");
    expect(known).toMatchObject({ name: "strict", done: true, started: 1, refused: 1, chain: [] });
    expect(known?.refusals).toMatchObject([{ ...refused, code: "input_invalid" }]);
    expect(refusals.slice(before)).toMatchObject([
      { ...refused, id: "s1", event: "strict", error: { code: "input_invalid" } },
    ]);
    const { items } = await engine.events.list({ refused: true });
    expect(items.map(({ id }) => id)).toEqual(["s1"]);
    expect(await engine.events.get("s1", { workspace: "other" })).toBeNull();
    const { items: named } = await engine.events.list({ name: "strict", limit: 1 });
    expect(named).toEqual([known]);
  });

  test("names and ids that are the engine's own are refused", async () => {
    for (const call of [
      () => engine.publish("flowforge.run.failed"),
      () => engine.publish("fine", 1, { id: "flowforge.1" }),
      () => engine.publish("not a name"),
      () => engine.events.list({ limit: 0 }),
    ])
      await expect(call()).rejects.toMatchObject({ code: "option_invalid" });
  });

  test("more than a page goes on in the background, and every run is there once", async () => {
    const matches = 250;
    const document = listening({ name: "x", event: "many" });
    const all = Array.from({ length: matches }, (_, n) =>
      engine.workflows.register({ ...document, name: `many-${n}` }),
    );
    await Promise.all(all);
    const published = await engine.publish("many", 1, { id: "m1" });
    expect(published).toMatchObject({ started: 100, continues: true });
    await expect
      .poll(() => engine.events.get("m1"), { timeout: 20_000 })
      .toMatchObject({
        done: true,
        started: matches,
        refused: 0,
      });
    const [count] = await backend.database.query<{ runs: number; workflows: number }>(
      "select count(*)::int as runs, count(distinct workflow)::int as workflows from flowforge.runs where workflow like 'many-%'",
    );
    expect(count).toEqual({ runs: matches, workflows: matches });
    expect(await engine.publish("many", 1, { id: "m1" })).toEqual({
      id: "m1",
      runs: 0,
      started: matches,
      repeated: true,
    });
  }, 60_000);
});
