/** What the values of a run come to is the sum of what was said with each write that was taken. */
import type { InboxMessage } from "../../core/ports/message.ts";
import type { ItemResult } from "../../core/ports/maps.ts";
import type { Store } from "../../core/ports/store.ts";
import { message, move, moved, newId, row, start, stored, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";

async function sizeOf(store: Store, runId: string): Promise<number> {
  const [run] = await store.load([{ runId }]);
  return run!.bytes;
}

function sized(runId: string, id: string, size: NonNullable<InboxMessage["size"]>): InboxMessage {
  return { ...message(runId, id, { kind: "signal", name: "s", payload: null }), size };
}

export function sizeRules(kit: Kit): void {
  kit.describe("sizes", () => {
    commitRules(kit);
    messageRules(kit);
    itemRules(kit);
  });
}

function commitRules({ rule, expect }: Kit): void {
  rule("of commits add up, and those of runs in one batch do not mix", async ({ store }) => {
    const [a, b, c] = [newId(), newId(), newId()];
    await store.commit([start(a, { bytes: 5_000 }), start(b), start(c, { bytes: 1 })]);
    await store.commit([move(a, 1, { bytes: 2_000 }), move(b, 1, { bytes: 3_000 }), move(c, 1)]);
    expect(await Promise.all([a, b, c].map((id) => sizeOf(store, id)))).toEqual([7_000, 3_000, 1]);
    expect((await store.run(WORKSPACE, a))?.bytes).toBe(7_000);
  });

  rule("of a commit that was refused, or that says nothing, do not count", async ({ store }) => {
    const id = await stored(store, { bytes: 100 });
    expect(await store.commit([move(id, 7, { bytes: 50 })])).toMatchObject([{ type: "moved" }]);
    await moved(store, move(id, 1));
    expect(await sizeOf(store, id)).toBe(100);
  });

  rule("of commits over the locked path count too", async ({ store }) => {
    const id = await stored(store, { bytes: 100 });
    await store.commitLocked({ runId: id }, async (run) => move(id, run!.header.seq, { bytes: run!.bytes }));
    expect(await sizeOf(store, id)).toBe(200);
  });
}

function messageRules({ rule, expect }: Kit): void {
  rule("of a message count once, where there is room for it; else it is full", async ({ store }) => {
    const id = await stored(store, { bytes: 1_000 });
    const limit = 3_000;
    expect(await store.append([sized(id, "a", { bytes: 1_500, limit })])).toEqual(["stored"]);
    expect(await store.append([sized(id, "a", { bytes: 100, limit })])).toEqual(["repeated"]);
    expect(await store.append([sized(id, "b", { bytes: 501, limit })])).toEqual(["full"]);
    expect(await sizeOf(store, id)).toBe(2_500);
    expect((await store.load([{ runId: id }]))[0]!.inbox.map((each) => each.id)).toEqual(["a"]);
    expect(await store.append([sized(id, "b", { bytes: 500, limit })])).toEqual(["stored"]);
    expect(await store.append([sized(id, "b", { bytes: 9_000, limit })])).toEqual(["repeated"]);
    expect(await store.append([message(id, "small")])).toEqual(["stored"]);
    expect(await sizeOf(store, id)).toBe(3_000);
  });

  rule("of messages that come together count one after the other, by run", async ({ store }) => {
    const [a, b] = [await stored(store), await stored(store)];
    const size = { bytes: 600, limit: 1_000 };
    const sent = [sized(a, "1", size), sized(b, "1", size), sized(a, "2", size), message(a, "3")];
    expect(await store.append(sent)).toEqual(["stored", "stored", "full", "stored"]);
    expect([await sizeOf(store, a), await sizeOf(store, b)]).toEqual([600, 600]);
  });
}

const success: Omit<ItemResult, "item"> = {
  ranUnder: 1,
  fence: 1,
  status: "succeeded",
  attempt: 1,
  losses: 0,
  putOffMs: 0,
  delayMs: 0,
  failure: null,
  possiblyDuplicated: false,
};

function itemRules({ rule, expect }: Kit): void {
  rule("of items count with the run's, for each result that was taken", async ({ store }) => {
    const runId = await stored(store, {
      bytes: 1_000,
      nodes: [row("m", { status: "running", waitingFor: "map", fence: 2 })],
      maps: [{ type: "start", node: "m", fence: 2, total: 3, concurrency: 20, collect: false }],
    });
    const map = { runId, node: "m" };
    const claimed = await store.claimItems({ ...map, worker: "w", limit: 2 });
    expect([claimed.items.length, claimed.runBytes]).toEqual([2, 1_000]);
    const finished = await store.finishItems(map, [
      { ...success, item: 0, bytes: 200 },
      { ...success, item: 1, ranUnder: 7, fence: 7, bytes: 400 },
      { ...success, item: 2, bytes: 800 },
    ]);
    expect([finished.taken, finished.runBytes]).toEqual([[0], 1_200]);
    expect((await store.finishItems(map, [{ ...success, item: 1 }])).runBytes).toBe(1_200);
    // Nobody takes this once more, and it says nothing of the run.
    expect(await store.finishItems(map, [{ ...success, item: 1 }])).toEqual({
      map: null,
      taken: [],
      runBytes: 1_200,
    });
    expect((await store.claimItems({ ...map, worker: "w", limit: 2 })).runBytes).toBe(1_200);
    expect(await sizeOf(store, runId)).toBe(1_200);
    expect((await store.run(WORKSPACE, runId))?.bytes).toBe(1_200);
    const size = { bytes: 801, limit: 2_000 };
    expect(await store.append([sized(runId, "s", size)])).toEqual(["full"]);
  });
}
