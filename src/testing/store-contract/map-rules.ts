/** Maps: items are claimed once, finished under their fence, and counted exactly. */
import type { ItemWrite } from "../../core/ports/maps.ts";
import type { Store } from "../../core/ports/store.ts";
import { change, newId, WORKSPACE, worker } from "./entries.ts";
import { byText, type Kit } from "./kit.ts";
import { at, changed, claim, dead, error, mapped, outputOf, result } from "./map-entries.ts";

export function mapRules(kit: Kit): void {
  kit.describe("maps", () => {
    claimRules(kit);
    finishRules(kit);
    letterRules(kit);
  });
}

function claimRules({ rule, expect }: Kit): void {
  rule(
    "give each item to one worker, in their order, and no more than may run at once",
    async ({ store, second }) => {
      const id = await mapped(store, { total: 100, concurrency: 30 });
      const [one, two, three] = await Promise.all([
        store.claimItems({ ...at(id), worker: "a", limit: 20 }),
        second.claimItems({ ...at(id), worker: "b", limit: 20 }),
        store.claimItems({ ...at(id), worker: "a", limit: 20 }),
      ]);
      const items = [one, two, three].flatMap((claimed) => claimed.items.map(({ item }) => item));
      expect(items.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, item) => item));
      const [first] = one.items.length > 0 ? one.items : two.items;
      expect(first).toEqual({
        item: expect.any(Number),
        fence: 1,
        attempt: 1,
        losses: 0,
        generation: 0,
        keyFence: 0,
        putOffMs: 0,
        edited: null,
        input: undefined,
      });
      const now = await store.claimItems({ ...at(id), worker: "a", limit: 20 });
      expect(now).toMatchObject({ items: [], map: { total: 100, next: 30, running: 30, fence: 2 } });
    },
  );

  rule("are leased as node runs are, and are no rows of their run", async ({ store }) => {
    const info = worker();
    await store.register(info);
    const id = await mapped(store);
    await claim(store, id, { limit: 2, by: info.id });
    const refs = [0, 1].map((item) => ({ runId: id, node: "m", item, fence: 1 }));
    expect([...(await store.roll(info.id))].sort((a, b) => a.item - b.item)).toEqual(refs);
    expect((await store.load([{ runId: id }]))[0]!.nodes.map(({ item }) => item)).toEqual([-1]);
    expect((await store.run(WORKSPACE, id))!.nodes.map(({ item }) => item)).toEqual([-1]);
    await store.deregister(info.id);
    expect(await store.reap({ leaseMs: 1_000_000, watch: { since: 0, until: 0 }, limit: 10 })).toHaveLength(
      2,
    );
    const known = await store.itemStates(at(id), [
      { item: 0, fence: 1 },
      { item: 1, fence: 2 },
    ]);
    expect(known.map(({ item }) => item)).toEqual([0]);
  });

  rule(
    "of a run that is paused or cancelled, of a closed map and of one that ended are not claimed",
    async ({ store }) => {
      const id = await mapped(store);
      await changed(store, id, { paused: true });
      expect(await claim(store, id)).toEqual([]);
      await changed(store, id, { cancelled: true });
      expect(await claim(store, id)).toEqual([]);
      await changed(store, id, {});
      expect(await claim(store, id, { limit: 1 })).toHaveLength(1);
      await changed(store, id, { maps: [{ type: "close", node: "m", fence: 2 }] });
      const closed = await store.claimItems({ ...at(id), worker: "w", limit: 9 });
      expect(closed).toMatchObject({ items: [], map: { closed: true, running: 1 } });
      await changed(store, id, { maps: [{ type: "end", node: "m" }] });
      const none = { map: null, items: [], runBytes: 0 };
      expect(await store.claimItems({ ...at(id), worker: "w", limit: 9 })).toEqual(none);
      expect(await store.claimItems({ ...at(newId()), worker: "w", limit: 9 })).toEqual(none);
    },
  );
}

function finishRules({ rule, expect }: Kit): void {
  rule("count a result once, and only under the item's fence", async ({ store, second }) => {
    const id = await mapped(store);
    await claim(store, id);
    const results = [result(0, { output: "a", input: { n: 0 } }), result(1, { ranUnder: 7 })];
    const finished = await Promise.all([
      store.finishItems(at(id), results),
      second.finishItems(at(id), results),
    ]);
    expect(finished.flatMap(({ taken }) => taken)).toEqual([0]);
    const last = await store.finishItems(at(id), [result(2, { output: null }), result(1, { output: [1] })]);
    expect([...last.taken].sort((a, b) => a - b)).toEqual([1, 2]);
    expect(last.map).toMatchObject({ total: 3, next: 3, running: 0, done: 3 });
    expect(await outputOf(store, id)).toEqual(["a", [1], null]);
    const inputs = [0, 1].map((item) => ({ ...at(id), item, fence: 1 }));
    expect(await store.inputs(inputs)).toEqual([{ n: 0 }, undefined]);
    expect(await store.finishItems(at(id), [result(0)])).toMatchObject({ taken: [], map: null });
  });

  rule(
    "run an item again at once in its place, or later in a place that is free",
    async ({ store, advance }) => {
      const id = await mapped(store, { total: 2, concurrency: 1 });
      await claim(store, id);
      const again = result(0, { status: "running", fence: 2, attempt: 2, attemptError: error, input: "in" });
      expect(await store.finishItems(at(id), [again])).toMatchObject({ taken: [0], map: { running: 1 } });
      const later = {
        status: "waiting",
        ranUnder: 2,
        fence: 3,
        delayMs: 60_000,
        putOffMs: 5,
        losses: 1,
      } as const;
      await store.finishItems(at(id), [result(0, { ...later, attempt: 2, attemptError: error })]);
      expect(await claim(store, id)).toMatchObject([{ item: 1 }]);
      expect((await store.finishItems(at(id), [result(1)])).map).toMatchObject({ waiting: 1, running: 0 });
      expect(await claim(store, id)).toEqual([]);
      expect(await store.due(10)).toEqual([]);
      await advance(60_000);
      expect(await store.due(10)).toEqual([]);
      expect(await claim(store, id)).toEqual([
        {
          item: 0,
          fence: 4,
          attempt: 3,
          losses: 1,
          generation: 0,
          keyFence: 0,
          putOffMs: 5,
          edited: null,
          input: "in",
        },
      ]);
      const { attempts } = (await store.run(WORKSPACE, id))!;
      expect(attempts.map(({ item, fence, attempt }) => [item, fence, attempt])).toEqual([
        [0, 1, 1],
        [0, 2, 2],
      ]);
    },
  );

  rule("tell of each item how it ended, where that was asked for", async ({ store }) => {
    const id = await mapped(store, { collect: true });
    expect(await outputOf(store, id)).toEqual([]);
    await claim(store, id);
    await store.finishItems(at(id), [
      result(1, { output: 5 }),
      result(0, { status: "failed", failure: "handled", error }),
      result(2, { output: null }),
    ]);
    expect(await outputOf(store, id)).toEqual([
      { ok: false, error },
      { ok: true, value: 5 },
      { ok: true, value: null },
    ]);
    expect(await store.failedItems(at(id), 5)).toEqual([{ item: 0, error }]);
    expect((await store.deadLetters({ workspace: WORKSPACE, runId: id, limit: 9 })).items).toEqual([]);
  });

  rule("that wait are cancelled with their map", async ({ store, advance }) => {
    const id = await mapped(store);
    await claim(store, id);
    await store.finishItems(at(id), [result(0, { status: "waiting", fence: 2, delayMs: 0 })]);
    await changed(store, id, { maps: [{ type: "close", node: "m", fence: 2 }] });
    await changed(store, id, { maps: [{ type: "end", node: "m" }] });
    // Who still ran is told that nobody waits.
    expect(await store.finishItems(at(id), [result(1)])).toMatchObject({ taken: [1], map: null });
    await advance(1_000);
    expect(await store.idleMaps({ quietMs: 0, limit: 9 })).toEqual([]);
  });
}

function letterRules({ rule, expect }: Kit): void {
  const open = async (store: Store, runId: string) =>
    (await store.deadLetters({ workspace: WORKSPACE, runId, open: true, limit: 9 })).items;
  const resolved = (
    item: number,
    change: ItemWrite["change"],
    changes: Partial<ItemWrite> = {},
  ): ItemWrite => ({
    node: "m",
    item,
    fence: 1,
    change,
    resolution: { id: `r${item}`, by: "ann" },
    ...changes,
  });

  rule("have a dead letter for each item that gave up", async ({ store }) => {
    const id = await mapped(store);
    await claim(store, id);
    const finished = await store.finishItems(at(id), [
      result(1),
      dead(0, { input: { n: 0 }, fingerprint: "f" }),
      dead(2, { attempt: 1 }),
    ]);
    expect(finished.map).toMatchObject({ done: 1, open: 2, failed: 0 });
    const letters = await open(store, id);
    expect(letters.map(({ item, fence, error: cause }) => [item, fence, cause]).sort(byText)).toEqual([
      [0, 1, error],
      [2, 1, error],
    ]);
    expect(letters.find(({ item }) => item === 0)).toMatchObject({
      node: "m",
      fingerprint: "f",
      input: { n: 0 },
      attempts: 1,
    });
  });

  rule(
    "take up items that are redriven, and those that are completed or given up as they are",
    async ({ store }) => {
      const id = await mapped(store, { total: 4 });
      await claim(store, id);
      await store.finishItems(
        at(id),
        [0, 1, 2, 3].map((item) => dead(item)),
      );
      await changed(store, id, {
        maps: [{ type: "reopen", node: "m", fence: 5 }],
        items: [
          resolved(0, { type: "redrive", newKey: true, input: { edited: true } }),
          resolved(1, { type: "complete", output: "by hand" }),
          resolved(2, { type: "discard" }),
          resolved(3, { type: "discard" }, { fence: 9 }),
        ],
      });
      expect((await open(store, id)).map(({ item }) => item)).toEqual([3]);
      const all = await store.deadLetters({ workspace: WORKSPACE, runId: id, open: false, limit: 9 });
      expect(
        all.items.map(({ item, resolution, resolutionId }) => [item, resolution, resolutionId]).sort(byText),
      ).toEqual([
        [0, "redriven", "r0"],
        [1, "completed", "r1"],
        [2, "discarded", "r2"],
      ]);
      const again = await store.claimItems({ ...at(id), worker: "w", limit: 9 });
      expect(again).toMatchObject({
        items: [
          {
            item: 0,
            fence: 3,
            attempt: 1,
            generation: 1,
            keyFence: 2,
            edited: "given",
            input: { edited: true },
          },
        ],
        map: { fence: 5, running: 1, waiting: 0, done: 2, open: 1 },
      });
      await store.finishItems(at(id), [result(0, { ranUnder: 3, output: "again" })]);
      expect(await outputOf(store, id)).toEqual(["again", "by hand", null, null]);
    },
  );

  rule("close their dead letters with the run that is undone", async ({ store }) => {
    const id = await mapped(store);
    await claim(store, id);
    await store.finishItems(at(id), [dead(0), result(1), result(2)]);
    const nodes = [change("m", { status: "failed", failure: "compensated", fence: 2 })];
    await changed(store, id, {
      nodes,
      compensate: true,
      maps: [
        { type: "end", node: "m" },
        { type: "compensated", node: "m" },
      ],
    });
    expect(await open(store, id)).toEqual([]);
    const { items } = await store.deadLetters({ workspace: WORKSPACE, runId: id, limit: 9 });
    expect(items).toMatchObject([{ item: 0, resolution: "compensated" }]);
  });
}
