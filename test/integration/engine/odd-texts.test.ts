/** Texts that PostgreSQL does not take (NUL, half of a character), wherever somebody may put them: a clear answer, and nothing that hangs. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { builtInActions } from "../../../src/actions.ts";
import type { Engine, JsonObject } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const ODD = "a\0b \ud800";
const REFUSED = { code: "option_invalid" };

onEachBackend("odd texts", (name) => {
  let backend: Backend;
  let engine: Engine;
  const polled = action("letters", () => ({ items: [] }), { input: z.any(), output: z.any() });
  const strict = action("strict", ({ input }) => input, { input: z.strictObject({ a: z.string() }) });

  beforeAll(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ actions: [...builtInActions, polled, strict] });
    await engine.start();
  });
  afterAll(() => backend[Symbol.asyncDispose]());

  const register = (
    workflow: string,
    nodes: JsonObject,
    edges: readonly JsonObject[] = [],
  ): Promise<unknown> => engine.workflows.register({ format: 1, name: workflow, nodes, edges } as never);
  const errorOf = async (workflow: string, input: JsonObject): Promise<unknown> => {
    const run = await engine.runs.start(workflow, { input });
    await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
    return (await run.detail())!.nodes.find(({ error }) => error !== null)!.error;
  };

  test("go through a run as they are", async () => {
    await register("echo", { a: { kind: "action", action: "transform", input: { x: "{{ input.x }}" } } });
    const run = await engine.runs.start("echo", { input: { x: ODD } });
    await run.result({ timeout: "20s" });
    const { nodes } = (await run.detail())!;
    expect(nodes.find(({ node }) => node === "a")).toMatchObject({ input: { x: ODD }, output: { x: ODD } });
  });

  test("as a name that an input does not know: its node fails with that", async () => {
    await register("unknown", { a: { kind: "action", action: "strict", input: "{{ input }}" } });
    expect(await errorOf("unknown", { [ODD]: 1 })).toMatchObject({
      class: "invalid_input",
      message: expect.stringContaining("a\ufffdb") as string,
    });
  });

  test("as the workflow of a child: there is none", async () => {
    const input = { workflow: "{{ input.x }}", input: {} };
    await register("parent", { a: { kind: "action", action: "workflow.run", input } });
    expect(await errorOf("parent", { x: ODD })).toMatchObject({ class: "workflow_not_found" });
  });

  test("in the source of a trigger: an issue, and nothing is stored", async () => {
    const sources = [
      { type: "poll", action: "letters", every: "1h", input: { of: [ODD] } },
      { type: "poll", action: "letters", every: "1h", input: { [ODD]: 1 } },
      { type: "event", name: "paid", filter: `event.payload == "\0"` },
    ];
    for (const source of sources) {
      const refused = register(
        "source",
        { t: { kind: "trigger", source }, a: { kind: "action", action: "strict" } },
        [{ from: "t", to: "a" }],
      );
      await expect(refused).rejects.toMatchObject({
        code: "definition_invalid",
        issues: expect.arrayContaining([
          expect.objectContaining({ code: "field_invalid", path: ["nodes", "t", "source"] }),
        ]) as unknown,
      });
    }
    expect(await engine.workflows.get("source")).toBeNull();
  });

  test("in the input of a schedule: it starts its runs with them, and can be set again", async () => {
    await register("nightly", { a: { kind: "action", action: "transform", input: { x: "{{ input.x }}" } } });
    const place = { workflow: "nightly", name: "n" };
    const schedule = { ...place, every: "1h", input: { x: ODD } } as const;
    const first = await engine.schedules.set(schedule);
    expect(await engine.schedules.set(schedule)).toEqual(first);
    expect((await engine.schedules.set({ ...schedule, input: { x: `${ODD}!` } })).starts).toMatchObject({
      input: { x: `${ODD}!` },
    });
    const { runId } = await engine.schedules.trigger(place);
    await engine.runs.handle(runId).result({ timeout: "20s" });
    expect(await engine.runs.get(runId)).toMatchObject({ input: { x: `${ODD}!` } });
  });

  test("as what is looked for: nothing is found", async () => {
    const nothing = { items: [] };
    expect(await engine.runs.list({ workflow: ODD })).toMatchObject(nothing);
    expect(await engine.runs.get(ODD)).toBeNull();
    expect(await engine.workflows.get(ODD)).toBeNull();
    expect(await engine.schedules.get({ workflow: "nightly", name: ODD })).toBeNull();
    for (const filter of [{ errorClass: ODD }, { workflow: ODD }, { node: ODD }, { fingerprint: ODD }])
      expect(await engine.deadLetters.list(filter)).toMatchObject(nothing);
    await expect(engine.runs.start(ODD)).rejects.toMatchObject({ code: "workflow_not_found" });
    await expect(engine.workflows.disable(ODD)).rejects.toMatchObject({ code: "workflow_not_found" });
  });

  test("as a name that something gets: refused", async () => {
    await register("plain", { a: { kind: "action", action: "transform", input: {} } });
    for (const options of [{ idempotencyKey: ODD }, { labels: { a: ODD } }, { workspace: ODD }])
      await expect(engine.runs.start("plain", options)).rejects.toMatchObject(REFUSED);
    await expect(engine.publish(ODD, null)).rejects.toMatchObject(REFUSED);
    await expect(engine.publish("paid", null, { id: ODD })).rejects.toMatchObject(REFUSED);
    await expect(engine.workspaces.delete(ODD)).rejects.toMatchObject(REFUSED);
  });
});
