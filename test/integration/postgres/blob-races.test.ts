/** Equal large values that many connections write to one run at once: nobody waits in a circle, and nothing is lost. */
import { expect, test } from "vitest";
import type { ItemResult } from "../../../src/core/ports/maps.ts";
import type { PostgresStore } from "../../../src/postgres/store.ts";
import { entry, nodeWrite, startEntry, testStore } from "./fixtures.ts";

const ITEMS = 200;
/** Neighbours have the same one, and whoever writes them does so at the same time. */
const valueOf = (item: number): string => `${Math.floor(item / 10)} ${"x".repeat(70_000)}`;

test("results of items, and commits that speak of their map", { timeout: 60_000 }, async () => {
  await using context = await testStore();
  const stores = [context.store, context.another(), context.another()] as const;
  const [store] = stores;
  const start = startEntry();
  const { runId } = start;
  const map = { runId, node: "m" };
  await store.commit([
    {
      ...start,
      nodes: [nodeWrite("m", { waitingFor: "map" }), nodeWrite("a")],
      maps: [{ type: "start", node: "m", fence: 1, total: ITEMS, concurrency: ITEMS, collect: false }],
    },
  ]);
  const { items } = await store.claimItems({ ...map, worker: "w", limit: ITEMS });
  expect(items).toHaveLength(ITEMS);

  const finish = async (one: PostgresStore, from: number): Promise<number> => {
    let taken = 0;
    for (let item = from; item < ITEMS; item += 6) {
      const results = [item, item + 3].filter((each) => each < ITEMS).map(resultOf);
      taken += (await one.finishItems(map, results)).taken.length;
    }
    return taken;
  };
  const commit = async (one: PostgresStore): Promise<number> => {
    let committed = 0;
    for (let n = 0; n < ITEMS / 4; n++) {
      const [run] = await one.load([{ runId }]);
      const [verdict] = await one.commit([
        entry(runId, run!.header.seq, {
          nodes: [nodeWrite("a", { isNew: false, input: valueOf(n * 4), output: valueOf(n * 4 + 10) })],
          maps: [{ type: "reopen", node: "m", fence: 1 }],
        }),
      ]);
      if (verdict!.type === "committed") committed++;
      expect(["committed", "moved", "locked"]).toContain(verdict!.type);
    }
    return committed;
  };
  const [one, two, three, commits, others] = await Promise.all([
    finish(stores[0], 0),
    finish(stores[1], 1),
    finish(stores[2], 2),
    commit(stores[0]),
    commit(stores[1]),
  ]);
  expect(one + two + three).toBe(ITEMS);
  expect(commits + others).toBeGreaterThan(20);
  const [run] = await store.load([{ runId, outputs: ["m"] }]);
  expect(run!.outputs.get("m")).toEqual(Array.from({ length: ITEMS }, (_, n) => valueOf(n)));
  expect(await context.database.query("select 1 from flowforge.run_blobs")).toHaveLength(ITEMS / 10 + 1);
});

function resultOf(item: number): ItemResult {
  return {
    item,
    ranUnder: 1,
    fence: 1,
    status: "succeeded",
    attempt: 1,
    losses: 0,
    putOffMs: 0,
    delayMs: 0,
    failure: null,
    possiblyDuplicated: false,
    input: valueOf(item + 10),
    output: valueOf(item),
  };
}
