/** Maps: their items, page by page, for people. */
import type { Store } from "../../core/ports/store.ts";
import { newId, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";
import { at, changed, claim, dead, error, mapped, result } from "./map-entries.ts";

/** Item 0 gave `a`, 1 is a dead letter, 2 waits, 3 runs, 4 has not begun. */
async function midway(store: Store): Promise<string> {
  const id = await mapped(store, { total: 5, concurrency: 4 });
  await claim(store, id);
  await store.finishItems(at(id), [
    result(0, { input: { n: 0 }, output: "a" }),
    dead(1, { input: { n: 1 } }),
    result(2, { status: "waiting", fence: 2, delayMs: 5_000, error, attemptError: error }),
  ]);
  return id;
}

export function mapPageRules({ describe, rule, expect }: Kit): void {
  describe("the items of a map", () => {
    rule("are shown in their order, with what they were given, gave, and failed with", async ({ store }) => {
      const id = await midway(store);
      const now = await store.now();
      const page = await store.mapPage({ ...at(id), workspace: WORKSPACE, limit: 10 });
      expect(page!.counts).toEqual({
        total: 5,
        next: 4,
        running: 1,
        waiting: 1,
        done: 1,
        failed: 0,
        open: 1,
      });
      expect(page!.items.map(({ item, status }) => [item, status])).toEqual([
        [0, "succeeded"],
        [1, "failed"],
        [2, "waiting"],
        [3, "running"],
      ]);
      const [first, second, third, fourth] = page!.items;
      expect(first).toMatchObject({
        node: "m",
        input: { n: 0 },
        output: "a",
        error: null,
        attempt: 1,
        seq: 0,
      });
      expect(first!.finishedAt).toBeGreaterThanOrEqual(first!.startedAt!);
      expect(second).toMatchObject({ input: { n: 1 }, output: undefined, error, failure: "open" });
      expect(third).toMatchObject({ input: undefined, worker: null, finishedAt: null, dispatchedAt: null });
      expect(Math.abs(third!.dueAt! - now - 5_000)).toBeLessThan(3_000);
      expect(fourth).toMatchObject({ worker: "w", dueAt: null, waitingFor: null, finishedAt: null });
    });

    rule("come page by page, and only those of a status where that is asked", async ({ store }) => {
      const id = await midway(store);
      const items = async (query: object): Promise<readonly number[]> => {
        const page = await store.mapPage({ ...at(id), workspace: WORKSPACE, limit: 10, ...query });
        expect(page!.counts.total).toBe(5);
        return page!.items.map(({ item }) => item);
      };
      expect(await items({ limit: 2 })).toEqual([0, 1]);
      expect(await items({ limit: 2, after: 1 })).toEqual([2, 3]);
      expect(await items({ limit: 2, after: 3 })).toEqual([]);
      expect(await items({ status: ["failed", "running"] })).toEqual([1, 3]);
      expect(await items({ status: ["failed", "running"], after: 1, limit: 1 })).toEqual([3]);
      expect(await items({ status: [] })).toEqual([]);
    });

    rule("are shown to their workspace only, and where there is a map", async ({ store }) => {
      const id = await midway(store);
      const query = { workspace: WORKSPACE, limit: 10 };
      expect(await store.mapPage({ ...query, ...at(id), workspace: "other" })).toBeNull();
      expect(await store.mapPage({ ...query, ...at(newId()) })).toBeNull();
      expect(await store.mapPage({ ...query, ...at("no id") })).toBeNull();
      expect(await store.mapPage({ ...query, runId: id, node: "n" })).toBeNull();
      await changed(store, id, { maps: [{ type: "end", node: "m" }] });
      expect((await store.mapPage({ ...query, ...at(id) }))!.items).toHaveLength(4);
    });
  });
}
