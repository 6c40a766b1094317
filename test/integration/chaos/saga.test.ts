/** A run that is undone goes on with that whatever happens to the process that does it. */
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  defineWorkflow,
  type Engine,
  type NodeDocument,
  RunFailedError,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { type TestDatabase, testDatabase } from "../../support/servers.ts";
import { type Backend, onEachBackend, openBackend } from "../engine/backends.ts";
import { Effects, Processes } from "./processes.ts";

/** n1 .. n4 can be undone; n5 fails for good. `held`: the node whose compensation waits for a word. */
function saga(held: string): WorkflowDocument {
  const ids = ["n1", "n2", "n3", "n4"];
  const undo = (id: string) => ({
    action: id === held ? "gate" : "step",
    input: { n: `{{ nodes.${id}.output.n }}` },
  });
  const nodes: Record<string, NodeDocument> = { n5: { kind: "action", action: "broken" } };
  for (const id of ids) nodes[id] = { kind: "action", action: "step", compensate: undo(id) };
  const edges = ids.map((from, at) => ({ from, to: `n${at + 2}` }));
  return { format: 1, name: "saga", nodes, edges, onFailure: "compensate" };
}

const ORDER = [
  "n1",
  "n2",
  "n3",
  "n4",
  "n5",
  "n4$compensate",
  "n3$compensate",
  "n2$compensate",
  "n1$compensate",
];

onEachBackend("a saga", (name) => {
  let backend: Backend;
  let traces: TestDatabase;
  let effects: Effects;
  let processes: Processes;
  let client: Engine;

  beforeEach(async () => {
    backend = await openBackend(name);
    traces = await testDatabase();
    effects = await Effects.in(traces);
    processes = new Processes(backend.connection, effects);
    client = backend.engine();
    await client.start({ work: false, maintain: false });
  });

  afterEach(async () => {
    await processes[Symbol.asyncDispose]();
    await backend[Symbol.asyncDispose]();
    await traces.drop();
  });

  test("the fifth of five nodes fails: the others are undone, the last first, each once", async () => {
    await processes.start();
    const run = await client.runs.start(defineWorkflow(saga("none")), { input: {} });
    await expect(run.result({ timeout: "30s" })).rejects.toBeInstanceOf(RunFailedError);
    expect((await effects.all()).map(({ node }) => node)).toEqual(ORDER);
    expect((await run.detail()).header).toMatchObject({ status: "failed", deadLetters: 0, compensate: true });
  });

  test.each(["n4", "n2", "n1"])(
    "kill -9 while %s is undone: another process goes on, and every effect has one key",
    async (held) => {
      const first = await processes.start({ closed: true });
      const run = await client.runs.start(defineWorkflow(saga(held)), { input: {} });
      const before = ORDER.indexOf(`${held}$compensate`) + 1;
      await effects.reach(before);
      expect(await run.status()).toBe("compensating");
      const second = await processes.start();
      await first.kill();
      await expect(run.result({ timeout: "30s" })).rejects.toBeInstanceOf(RunFailedError);
      const done = await effects.all();
      // The one that was cut off is asked for again, with the same key, so that the provider does it once.
      expect(done.map(({ node }) => node)).toEqual(ORDER.toSpliced(before, 0, `${held}$compensate`));
      expect(new Set(done.map(({ key }) => key)).size).toBe(ORDER.length);
      expect(done.map(({ pid }) => pid)).toEqual(done.map((_, at) => (at < before ? first.pid : second.pid)));
    },
  );
});
