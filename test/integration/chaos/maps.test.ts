/** A wide map over two worker processes, one of which is killed: every item has one result, in the order of the list. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { defineWorkflow, type Engine } from "../../../src/index.ts";
import { type TestDatabase, testDatabase } from "../../support/servers.ts";
import { type Backend, onEachBackend, openBackend } from "../engine/backends.ts";
import { Effects, Processes } from "./processes.ts";

const ITEMS = 10_000;
const AT_ONCE = 50;

onEachBackend("wide maps", (name) => {
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

  test(`${ITEMS} items, ${AT_ONCE} at once, kill -9 in the middle`, { timeout: 180_000 }, async () => {
    const worker = { concurrency: 30 };
    const first = await processes.start({ worker });
    const second = await processes.start({ worker });
    const list = Array.from({ length: ITEMS }, (_, n) => n);
    const workflow = defineWorkflow({
      format: 1,
      name: "wide",
      nodes: {
        each: {
          kind: "action",
          action: "step",
          forEach: "input.list",
          concurrency: AT_ONCE,
          input: { n: "{{ item }}" },
        },
      },
      edges: [],
      output: "{{ nodes.each.output }}",
    });
    const run = await client.runs.start(workflow, { input: { list } });
    await effects.reach(ITEMS / 4);
    await first.kill();
    expect(await run.result({ timeout: "120s" })).toEqual(list.map((n) => ({ n: n + 1 })));
    const all = await effects.all();
    // One intention per item, whoever ran it.
    expect(new Set(all.map(({ key }) => key)).size).toBe(ITEMS);
    // What the killed process held, or had answered and not written yet, is all that was run again.
    expect(all.length - ITEMS).toBeLessThanOrEqual(2 * AT_ONCE);
    const byProcess = await effects.byProcess();
    expect(new Set(byProcess.keys())).toEqual(new Set([first.pid, second.pid]));
    const [map] = await backend.database.query(
      "select total, next, running, waiting, done, failed, open from flowforge.maps",
    );
    expect(map).toEqual({
      total: ITEMS,
      next: ITEMS,
      running: 0,
      waiting: 0,
      done: ITEMS,
      failed: 0,
      open: 0,
    });
  });
});
