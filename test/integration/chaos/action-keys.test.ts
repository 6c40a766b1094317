/** The holder of a key across runs is killed: the key stays with its node run, whose next attempt goes on under it. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { defineWorkflow, type Engine } from "../../../src/index.ts";
import { type TestDatabase, testDatabase } from "../../support/servers.ts";
import { type Backend, onEachBackend, openBackend } from "../engine/backends.ts";
import { Effects, Processes } from "./processes.ts";

const OTHERS = 5;

onEachBackend("a key across runs", (name) => {
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

  test("kill -9 of the holder: it alone runs again, with the same key", { timeout: 120_000 }, async () => {
    const workflow = defineWorkflow({
      format: 1,
      name: "shared",
      nodes: { a: { kind: "action", action: "gate", input: { n: 1 }, idempotencyKey: "k-{{ input }}" } },
      edges: [],
      output: "{{ nodes.a.output.n }}",
    });
    const first = await processes.start({ closed: true });
    const holder = await client.runs.start(workflow, { input: 1 });
    await effects.reach(1);
    const others = await Promise.all(
      Array.from({ length: OTHERS }, () => client.runs.start(workflow, { input: 1 })),
    );
    for (const run of others) await expect.poll(() => run.status(), { timeout: 20_000 }).toBe("waiting");
    await first.kill();
    await processes.start();
    const results = await Promise.all([holder, ...others].map((run) => run.result({ timeout: "90s" })));
    expect(results).toEqual(Array(OTHERS + 1).fill(2));
    const all = await effects.all();
    expect(all.map(({ run_id: runId }) => runId)).toEqual([holder.id, holder.id]);
    expect(new Set(all.map(({ key }) => key)).size).toBe(1);
  });
});
