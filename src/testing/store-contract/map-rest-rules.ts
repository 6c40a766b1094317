/** Maps: items that are left where a map was interrupted are found, and run. */
import type { Store } from "../../core/ports/store.ts";
import { newId, row, WORKSPACE } from "./entries.ts";
import { type Kit } from "./kit.ts";
import { at, changed, claim, dead, mapped, outputOf, result } from "./map-entries.ts";

export function mapRestRules(kit: Kit): void {
  kit.describe("the items that are left of a map", () => {
    resumeRules(kit);
    undoRules(kit);
    idleRules(kit);
  });
}

function resumeRules({ rule, expect }: Kit): void {
  /** Item 0 is done, 1 was cut off, 2 never began; the map was closed, and nobody waits for it. */
  async function cutOff(store: Store): Promise<string> {
    const id = await mapped(store);
    await claim(store, id, { limit: 2 });
    await changed(store, id, { maps: [{ type: "close", node: "m", fence: 3 }] });
    await store.finishItems(at(id), [result(0, { output: "a" }), result(1, { status: "waiting", fence: 2 })]);
    await changed(store, id, { maps: [{ type: "end", node: "m" }] });
    expect(await claim(store, id)).toEqual([]);
    return id;
  }

  async function rest(store: Store, id: string): Promise<void> {
    const { items, map } = await store.claimItems({ ...at(id), worker: "w", limit: 9 });
    expect(map).toMatchObject({
      fence: 5,
      total: 3,
      closed: false,
      running: 2,
      waiting: 0,
      done: 1,
      failed: 0,
    });
    expect(items.map(({ item, fence, attempt }) => [item, fence, attempt])).toEqual([
      [1, 4, 1],
      [2, 1, 1],
    ]);
    const finished = [result(1, { ranUnder: 4, output: "b" }), result(2, { output: "c" })];
    const { map: ended } = await store.finishItems(at(id), finished);
    expect(ended).toMatchObject({ running: 0, done: 3 });
    expect(await outputOf(store, id)).toEqual(["a", "b", "c"]);
  }

  rule("that were left of a closed map run when it is resumed", async ({ store }) => {
    const id = await cutOff(store);
    await changed(store, id, { maps: [{ type: "resume", node: "m", fence: 5 }] });
    await rest(store, id);
  });

  rule("that were left run when the map begins again, and the others stay", async ({ store }) => {
    const id = await cutOff(store);
    const again = { type: "start", node: "m", fence: 5, total: 3, concurrency: 20, collect: false } as const;
    await changed(store, id, { maps: [again] });
    await rest(store, id);
  });
}

function undoRules({ rule, expect }: Kit): void {
  const undo = { type: "undo", node: "u", fence: 2, concurrency: 2, undoes: "m" } as const;

  /** Items 0 and 2 are done, 1 failed. */
  async function partly(store: Store): Promise<string> {
    const id = await mapped(store, { total: 3 });
    await claim(store, id);
    await store.finishItems(at(id), [result(0, { output: "a" }), dead(1), result(2, { output: "c" })]);
    const nodes = [row("u", { status: "running", waitingFor: "map", fence: 2 })];
    await changed(store, id, { cancelled: true, nodes, maps: [{ type: "end", node: "m" }, undo] });
    return id;
  }

  rule("that succeeded are undone in their places, also of a cancelled run", async ({ store }) => {
    const id = await partly(store);
    const u = { runId: id, node: "u" };
    const { items, map } = await store.claimItems({ ...u, worker: "w", limit: 9 });
    expect(map).toMatchObject({ total: 2, next: 2, running: 2, waiting: 0, done: 0, concurrency: 2 });
    expect(
      items.map(({ item, fence, attempt }) => [item, fence, attempt]).sort(([a], [b]) => a! - b!),
    ).toEqual([
      [0, 1, 1],
      [2, 1, 1],
    ]);
    const ended = await store.finishItems(u, [result(0), result(2)]);
    expect(ended.map).toMatchObject({ running: 0, done: 2 });
    expect(await store.idleMaps({ quietMs: 0, limit: 9 })).toMatchObject([u]);
  });

  rule("are idle where they may be undone, and do not begin anew", async ({ store, advance }) => {
    const id = await partly(store);
    await advance(10);
    expect(await store.idleMaps({ quietMs: 0, limit: 9 })).toMatchObject([{ runId: id, node: "u" }]);
    await store.claimItems({ runId: id, node: "u", worker: "w", limit: 1 });
    await changed(store, id, { maps: [{ ...undo, fence: 3 }] });
    const { items, map } = await store.claimItems({ runId: id, node: "u", worker: "w", limit: 9 });
    expect(items).toHaveLength(1);
    expect(map).toMatchObject({ fence: 3, total: 2, running: 2 });
  });

  rule("give what they gave, where they succeeded", async ({ store }) => {
    const id = await partly(store);
    expect(await store.itemOutputs(at(id), [2, 1, 0, 7])).toEqual(
      new Map([
        [0, "a"],
        [2, "c"],
      ]),
    );
    expect(await store.itemOutputs(at(newId()), [0])).toEqual(new Map());
  });
}

function idleRules({ rule, expect }: Kit): void {
  const idle = async (store: Store): Promise<readonly string[]> =>
    (await store.idleMaps({ quietMs: 3_000, limit: 10 })).map(({ runId }) => runId);

  rule("are idle where items are left, may run, and nobody has touched them", async ({ store, advance }) => {
    const id = await mapped(store, { total: 2, concurrency: 1 });
    expect(await idle(store)).toEqual([]);
    await advance(3_001);
    expect(await store.idleMaps({ quietMs: 3_000, limit: 10 })).toMatchObject([
      { ...at(id), workspace: WORKSPACE, workflow: "checkout", version: 1, fence: 2 },
    ]);
    await changed(store, id, { paused: true });
    expect(await idle(store)).toEqual([]);
    await changed(store, id, {});
    await claim(store, id);
    await advance(3_001);
    // As many run as may.
    expect(await idle(store)).toEqual([]);
  });

  rule("that are taken up again are not idle before nobody has touched them", async ({ store, advance }) => {
    const id = await mapped(store);
    await changed(store, id, { maps: [{ type: "close", node: "m", fence: 2 }] });
    await advance(3_001);
    await changed(store, id, { maps: [{ type: "resume", node: "m", fence: 3 }] });
    expect(await idle(store)).toEqual([]);
    await advance(3_001);
    expect(await idle(store)).toEqual([id]);
  });

  rule("are idle where an item is due, and where nothing is left to do", async ({ store, advance }) => {
    const id = await mapped(store, { total: 1 });
    await claim(store, id);
    await store.finishItems(at(id), [result(0, { status: "waiting", fence: 2, delayMs: 100_000 })]);
    await advance(50_000);
    expect(await idle(store)).toEqual([]);
    await advance(50_001);
    expect(await idle(store)).toEqual([id]);
    expect(await claim(store, id)).toHaveLength(1);
    expect(await idle(store)).toEqual([]);
    await store.finishItems(at(id), [result(0, { ranUnder: 3 })]);
    expect(await idle(store)).toEqual([id]);
    await changed(store, id, { maps: [{ type: "end", node: "m" }] });
    expect(await idle(store)).toEqual([]);
  });
}
