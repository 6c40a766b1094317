/** The worker that runs what holds a place is killed: its run goes on elsewhere and keeps the place, and the others follow in order. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { defineWorkflow, type Engine, type RunHandle } from "../../../src/index.ts";
import { type TestDatabase, testDatabase } from "../../support/servers.ts";
import { type Backend, onEachBackend, openBackend } from "../engine/backends.ts";
import { Effects, Processes } from "./processes.ts";

const OTHERS = 4;

onEachBackend("a limit of runs", (name) => {
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

  test("kill -9 of the holder: no place is lost, and none is given twice", { timeout: 120_000 }, async () => {
    const workflow = defineWorkflow({
      format: 1,
      name: "limited",
      concurrency: { limit: 1 },
      nodes: { a: { kind: "action", action: "gate", input: { n: 1 } } },
      edges: [],
      output: "{{ nodes.a.output.n }}",
    });
    const first = await processes.start({ closed: true });
    const runs: RunHandle[] = [await client.runs.start(workflow)];
    await effects.reach(1);
    for (let n = 0; n < OTHERS; n++) runs.push(await client.runs.start(workflow));
    for (const run of runs.slice(1)) expect(await run.status()).toBe("queued");
    await first.kill();
    await processes.start();
    await Promise.all(runs.map((run) => run.result({ timeout: "90s" })));
    const order = (await effects.all()).map(({ run_id: runId }) => runId);
    const [holder, ...others] = runs.map(({ id }) => id);
    expect(order).toEqual([holder, holder, ...others]);
    const left = await backend.database.query("select run_id from flowforge.run_gates");
    expect(left).toEqual([]);
  });
});
