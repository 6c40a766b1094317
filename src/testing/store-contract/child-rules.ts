/** Child runs: what they know of their parents, and how these get to know of their ends. */
import type { CommitEntry } from "../../core/ports/commit.ts";
import type { MessageBody } from "../../core/ports/message.ts";
import type { Store } from "../../core/ports/store.ts";
import {
  loaded,
  move,
  moved,
  newId,
  newRun,
  row,
  seqOf,
  start,
  stored,
  worker,
  WORKSPACE,
} from "./entries.ts";
import type { Kit } from "./kit.ts";
import { at, changed, claim, dead, mapped, result } from "./map-entries.ts";

const ENDED: Partial<CommitEntry> = { status: "succeeded", finished: true, endsChild: "node" };

function parentOf(runId: string): NonNullable<ReturnType<typeof newRun>["parent"]> {
  return { runId, node: "ship", generation: 2, root: runId, depth: 1 };
}

async function child(store: Store, parent: string, changes: Partial<CommitEntry> = {}): Promise<string> {
  return stored(store, { start: newRun({ workflow: "shipping", parent: parentOf(parent) }), ...changes });
}

async function inbox(store: Store, runId: string): Promise<readonly MessageBody[]> {
  return (await loaded(store, runId)).inbox.map(({ body }) => body);
}

export function childRules(kit: Kit): void {
  kit.describe("children", () => {
    kindredRules(kit);
    tellingRules(kit);
    laterRules(kit);
    itemRules(kit);
  });
}

function kindredRules({ rule, expect }: Kit): void {
  rule("know their parents, and others have none", async ({ store }) => {
    const parent = await stored(store);
    const id = await child(store, parent);
    expect((await loaded(store, id)).header.parent).toEqual(parentOf(parent));
    expect((await loaded(store, parent)).header.parent).toBeNull();
    expect((await store.run(WORKSPACE, id))?.header.parent).toEqual(parentOf(parent));
  });

  rule("are found by their parent", async ({ store }) => {
    const [one, other] = [await stored(store), await stored(store)];
    const ids = [await child(store, one), await child(store, one)];
    await child(store, other);
    const found = await store.runs({ workspace: WORKSPACE, parent: one, limit: 10 });
    expect(found.items.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect((await store.runs({ workspace: WORKSPACE, parent: newId(), limit: 10 })).items).toEqual([]);
  });
}

function tellingRules({ rule, expect }: Kit): void {
  rule("tell their parents once how they ended", async ({ store, second }) => {
    const parent = await stored(store);
    const id = await child(store, parent);
    expect(await store.tellParents(10)).toEqual([]);
    const before = (await loaded(store, parent)).header.seq;
    await moved(store, move(id, 1, { ...ENDED, output: { parcel: 7 } }));
    const told = await Promise.all([store.tellParents(10), second.tellParents(10)]);
    expect(told.flat()).toEqual([parent]);
    expect(await store.tellParents(10)).toEqual([]);
    expect((await loaded(store, parent)).header.seq).toBe(before + 1);
    expect(await inbox(store, parent)).toEqual([
      {
        kind: "childEnded",
        node: "ship",
        generation: 2,
        child: id,
        workflow: "shipping",
        status: "succeeded",
        output: { parcel: 7 },
      },
    ]);
  });

  rule("tell of an output of any size, and of none where they did not succeed", async ({ store }) => {
    const parent = await stored(store);
    const output = { text: "x".repeat(200_000) };
    for (const status of ["succeeded", "failed", "cancelled"] as const)
      await child(store, parent, { ...ENDED, status, output });
    expect(await store.tellParents(10)).toEqual([parent]);
    const bodies = (await inbox(store, parent)) as Extract<MessageBody, { kind: "childEnded" }>[];
    const byStatus = new Map(bodies.map((body) => [body.status, body.output]));
    expect(Object.fromEntries(byStatus)).toEqual({ succeeded: output, failed: null, cancelled: null });
  });

  rule("that ended before their commit was answered are told of, too", async ({ store }) => {
    const parent = await stored(store);
    const id = newId();
    const begun = start(id, { start: newRun({ parent: parentOf(parent) }), ...ENDED });
    await moved(store, begun);
    await store.commit([begun]);
    expect(await store.tellParents(10)).toEqual([parent]);
    expect(await inbox(store, parent)).toHaveLength(1);
  });

  rule("are told of page by page", async ({ store }) => {
    const parent = await stored(store);
    for (let n = 0; n < 5; n++) await child(store, parent, ENDED);
    for (const left of [2, 4, 5]) {
      await store.tellParents(2);
      expect(await inbox(store, parent)).toHaveLength(left);
    }
    expect(await store.tellParents(2)).toEqual([]);
  });

  rule("whose parents are gone are forgotten", async ({ store }) => {
    await child(store, newId(), ENDED);
    expect(await store.tellParents(10)).toEqual([]);
    const parent = await stored(store);
    await child(store, parent, ENDED);
    expect(await store.tellParents(1)).toEqual([parent]);
  });
}

function itemRules({ rule, expect }: Kit): void {
  const ENDS: Partial<CommitEntry> = { ...ENDED, endsChild: "item" };
  const ofItem = (runId: string, item: number) => ({ ...parentOf(runId), node: "m", item });

  rule("of items are told of until they are forgotten, and no run has a message", async ({ store }) => {
    const parent = await mapped(store);
    const id = await stored(store, {
      start: newRun({ parent: ofItem(parent, 1) }),
      ...ENDS,
      output: { n: 7 },
    });
    expect(await store.tellParents(10)).toEqual([]);
    const [end, ...others] = await store.itemChildEnds(10);
    expect(others).toEqual([]);
    expect(end).toMatchObject({
      runId: id,
      parent: ofItem(parent, 1),
      status: "succeeded",
      output: { n: 7 },
    });
    expect(await store.itemChildEnds(10)).toHaveLength(1);
    await store.forgetChildEnds([end!]);
    await store.forgetChildEnds([end!]);
    expect(await store.itemChildEnds(10)).toEqual([]);
    expect(await inbox(store, parent)).toEqual([]);
  });

  rule(
    "of items: these wait without a worker, in their places, and are found",
    async ({ store, advance }) => {
      const parent = await mapped(store, { total: 5, concurrency: 3 });
      const info = worker();
      await store.register(info);
      await claim(store, parent, { by: info.id });
      const waits = result(1, { status: "child" });
      const { map } = await store.finishItems(at(parent), [waits, result(2, { status: "child" }), result(0)]);
      expect(map).toMatchObject({ running: 2, done: 1, waiting: 0 });
      expect(await store.roll(info.id)).toEqual([]);
      expect(await store.itemsWithChildren(at(parent), { after: -1, limit: 9 })).toEqual([
        { item: 1, generation: 0 },
        { item: 2, generation: 0 },
      ]);
      expect(await store.itemsWithChildren(at(parent), { after: 1, limit: 9 })).toHaveLength(1);
      const refs = [0, 1, 2].map((item) => ({ item, generation: item === 2 ? 1 : 0 }));
      expect(await store.itemsOfChildren(at(parent), refs)).toMatchObject([
        { item: 1, fence: 1, isOpen: false },
      ]);
      await changed(store, parent, { maps: [{ type: "close", node: "m", fence: 3 }] });
      await advance(3_001);
      expect(await store.idleMaps({ quietMs: 3_000, limit: 9 })).toMatchObject([at(parent)]);
      const ended = await store.finishItems(at(parent), [result(1, { output: "a" }), dead(2)]);
      expect(ended.map).toMatchObject({ running: 0, done: 2, open: 1 });
      const open = { item: 2, generation: 0 };
      expect(await store.itemsOfChildren(at(parent), [open])).toMatchObject([{ item: 2, isOpen: true }]);
    },
  );
}

function laterRules({ rule, expect }: Kit): void {
  rule("that go on again before anybody was told are told of when they rest", async ({ store }) => {
    const parent = await stored(store);
    const id = await child(store, parent, { ...ENDED, status: "failed", nodes: [row("a")] });
    await moved(store, move(id, 1));
    expect(await store.tellParents(10)).toEqual([]);
    await moved(store, move(id, await seqOf(store, id), { ...ENDED, output: 1 }));
    expect(await store.tellParents(10)).toEqual([parent]);
    expect(await inbox(store, parent)).toMatchObject([{ status: "succeeded", output: 1 }]);
  });

  rule("that rest twice are told of twice", async ({ store }) => {
    const parent = await stored(store);
    const id = await child(store, parent, { ...ENDED, status: "failed" });
    await store.tellParents(10);
    await moved(store, move(id, await seqOf(store, id)));
    await moved(store, move(id, await seqOf(store, id), { ...ENDED, output: 1 }));
    await store.tellParents(10);
    expect(await inbox(store, parent)).toMatchObject([{ status: "failed" }, { status: "succeeded" }]);
  });

  rule("tell parents that are at rest as well", async ({ store }) => {
    const parent = await stored(store, { status: "failed", finished: true });
    await child(store, parent, { ...ENDED, output: 1 });
    expect(await store.tellParents(10)).toEqual([parent]);
    expect(await inbox(store, parent)).toMatchObject([{ status: "succeeded", output: 1 }]);
  });

  rule("whose parent somebody holds come later, and nobody waits for it", async ({ store, second }) => {
    const [held, free] = [await stored(store), await stored(store)];
    for (const parent of [held, free]) await child(store, parent, ENDED);
    let told: readonly string[] = [];
    await second.commitLocked({ runId: held }, async () => {
      told = await store.tellParents(10);
      return null;
    });
    expect(told).toEqual([free]);
    expect(await store.tellParents(10)).toEqual([held]);
  });
}
