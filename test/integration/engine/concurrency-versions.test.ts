/** Runs at rest that go on with another version, which limits runs otherwise, on both backends. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { PermanentError, type Engine, type RunHandle, type WorkflowDocument } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

onEachBackend("limits of runs and versions", (name) => {
  let backend: Backend;
  let engine: Engine;
  const refuse = action("refuse", () => {
    throw new PermanentError("never");
  });
  const accept = action("accept", () => 7);

  beforeAll(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ actions: [refuse, accept] });
    await engine.start();
  });
  afterAll(() => backend[Symbol.asyncDispose]());

  /** It comes to rest at work that is refused, and waits after work that is accepted. */
  const version = (workflow: string, work: string, concurrency?: WorkflowDocument["concurrency"]) =>
    engine.workflows.register({
      format: 1,
      name: workflow,
      ...(concurrency ? { concurrency } : {}),
      nodes: {
        work: { kind: "action", action: work },
        word: { kind: "wait", for: { signal: "word" } },
      },
      edges: [{ from: "work", to: "word" }],
      output: "{{ nodes.work.output }}",
    });
  const gates = (workflow: string) =>
    backend.database.query(
      "select run_id, key from flowforge.run_gates where workflow = $1 and admitted order by run_id",
      [workflow],
    );
  const redriveWithNewest = async (run: RunHandle): Promise<void> => {
    await expect.poll(async () => (await run.detail()).header.deadLetters, { timeout: 10_000 }).toBe(1);
    const { items } = await engine.deadLetters.list({ runId: run.id });
    await engine.deadLetters.redrive(items[0]!.id, { version: "latest" });
    await expect.poll(async () => (await run.detail()).header.deadLetters, { timeout: 10_000 }).toBe(0);
  };
  const ends = async (run: RunHandle): Promise<void> => {
    await run.signal("word");
    expect(await run.result({ timeout: "20s" })).toBe(7);
  };

  test("without a limit there it has no place", async () => {
    await version("freed", "refuse", { limit: 1 });
    const run = await engine.runs.start("freed");
    await version("freed", "accept");
    await redriveWithNewest(run);
    expect(await gates("freed")).toEqual([]);
    await ends(run);
  });

  test("with a limit there it has a place", async () => {
    await version("bound", "refuse");
    const run = await engine.runs.start("bound", { input: { who: "a" } });
    await version("bound", "accept", { key: "{{ input.who }}", limit: 1, onLimit: "reject" });
    await redriveWithNewest(run);
    expect(await gates("bound")).toEqual([{ run_id: run.id, key: "a" }]);
    await expect(engine.runs.start("bound", { input: { who: "a" } })).rejects.toMatchObject({
      code: "concurrency_limit_reached",
    });
    await ends(run);
    expect(await gates("bound")).toEqual([]);
  });

  test("where its key cannot be made there, it goes on without a place", async () => {
    await version("keyless", "refuse", { limit: 1 });
    const run = await engine.runs.start("keyless", { input: {} });
    await version("keyless", "accept", { key: "{{ input.who }}", limit: 1 });
    await redriveWithNewest(run);
    expect(await gates("keyless")).toEqual([]);
    await ends(run);
  });
});
