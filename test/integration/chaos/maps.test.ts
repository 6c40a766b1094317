/**
 * Maps over several worker processes that are killed: every item has one result, in the order of the list, and one that kills whoever
 * runs it is parked.
 */
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

  // Who may run an item, the database alone decides: one backend tells all of it.
  if (name === "postgres") poison();

  function poison(): void {
    test(
      "an item that ends three processes in a row is parked, and the others are not",
      { timeout: 120_000 },
      async () => {
        const all = await Promise.all(
          [1, 2, 3, 4].map(() => processes.start({ worker: { concurrency: 4 } })),
        );
        const workflow = defineWorkflow({
          format: 1,
          name: "deadly",
          nodes: {
            each: {
              kind: "action",
              action: "deadly",
              forEach: "input.list",
              concurrency: 2,
              input: { n: "{{ item }}" },
            },
          },
          edges: [],
          output: "{{ nodes.each.output }}",
        });
        const run = await client.runs.start(workflow, { input: { list: [1, 2, 0, 4, 5, 6] } });
        await expect(run.result({ timeout: "60s" })).rejects.toMatchObject({
          failures: [{ node: "each", error: { class: "items_failed" } }],
        });
        const items = async (): Promise<unknown[]> => {
          const page = await client.runs.items(run.id, "each");
          return page.items.map(({ item, status, error }) => [item, status, error?.class]);
        };
        const succeeded = [0, 1, 3, 4, 5].map((item) => [item, "succeeded", undefined]);
        expect(await items()).toEqual(succeeded.toSpliced(2, 0, [2, "failed", "poison"]));
        // Three of the four are gone, and the one that is left was spared; every other item has run once.
        const runs = Object.values(Object.groupBy(await effects.all(), ({ key }) => key));
        expect(runs.map((each) => each!.length).sort((a, b) => a - b)).toEqual([1, 1, 1, 1, 1, 3]);
        const dead = new Set(runs.find((each) => each!.length === 3)!.map(({ pid }) => pid));
        const gone = await Promise.all(all.filter(({ pid }) => dead.has(pid)).map((each) => each.ended()));
        expect(gone).toHaveLength(3);

        const [letter] = (await client.deadLetters.list({ runId: run.id })).items;
        expect(letter).toMatchObject({ item: 2, error: { class: "poison" } });
        await client.deadLetters.redrive(letter!.id, { input: { n: 3 } });
        expect(await run.result({ timeout: "30s" })).toEqual([1, 2, 3, 4, 5, 6].map((n) => ({ n: n + 1 })));
        // The last error stays for people to see.
        expect((await items())[2]).toEqual([2, "succeeded", "poison"]);
      },
    );
  }
});
