/** Feeds: what happens while somebody listens is there, once and in order; what is missing is known to be missing. */
import { setTimeout as pause } from "node:timers/promises";
import type { FeedItem, FeedPage } from "../../core/ports/feed.ts";
import { FEED_KEEP_MS } from "../../core/ports/feed.ts";
import type { Store } from "../../core/ports/store.ts";
import { change, move, moved, newId, newRun, row, start, stored, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";

const error = { class: "http", message: "502" };
const dead = { status: "failed", failure: "open", fence: 1, attempt: 1, error } as const;
const ended = { status: "succeeded", finished: true } as const;

function read(store: Store, after: string | null, limit = 100): Promise<FeedPage> {
  return store.feed.read({ workspace: WORKSPACE, after, limit });
}

/** Listens, and returns a position from which on everything is in the feed. */
async function listening({ feed }: Store): Promise<string> {
  await feed.listen(WORKSPACE);
  for (;;) {
    const page = await feed.read({ workspace: WORKSPACE, after: null, limit: 1 });
    if (page.isExact) return page.settled;
    // A transaction of somebody else's on this server is older than the feed.
    await pause(10);
  }
}

function told({ items }: FeedPage): readonly (readonly [string, string])[] {
  return items.map(({ event }) => [event.type, event.runId] as const);
}

export function feedRules(kit: Kit): void {
  kit.describe("feeds", () => {
    tellingRules(kit);
    missingRules(kit);
  });
}

function tellingRules({ rule, expect }: Kit): void {
  rule("tell how runs start, rest and go on, and nothing of their steps", async ({ store, second }) => {
    const from = await listening(store);
    const id = await stored(second, { nodes: [row("a")] });
    await moved(second, move(id, 1, { nodes: [change("a", { status: "succeeded" })] }));
    await moved(second, move(id, 2, { status: "failed", finished: true }));
    await moved(second, move(id, 3));
    await moved(second, move(id, 4, { ...ended, status: "failed" }));
    await moved(second, move(id, 5, { ...ended, status: "cancelled" }));
    const brief = newId();
    await moved(store, start(brief, ended));
    const page = await read(store, from);
    expect(told(page)).toEqual([
      ["run.started", id],
      ["run.failed", id],
      ["run.reopened", id],
      ["run.failed", id],
      ["run.cancelled", id],
      ["run.started", brief],
      ["run.succeeded", brief],
    ]);
    const { event } = page.items[0]!;
    expect(event).toEqual({
      id: event.id,
      at: event.at,
      type: "run.started",
      runId: id,
      workflow: "checkout",
      node: null,
      deadLetterId: null,
    });
    expect(Math.abs((await store.now()) - event.at)).toBeLessThan(60_000);
    expect(new Set(page.items.map((item) => item.event.id)).size).toBe(7);
  });

  rule("tell of dead letters, when they are opened and when they are resolved", async ({ store }) => {
    const from = await listening(store);
    const id = await stored(store, { deadLetters: 1, nodes: [row("a", dead)] });
    await moved(store, move(id, 1, { nodes: [change("a", { status: "succeeded", fence: 1 })] }));
    const { items } = await store.deadLetters({ workspace: WORKSPACE, limit: 10 });
    const letter = { runId: id, workflow: "checkout", node: "a", deadLetterId: items[0]!.id };
    const { items: events } = await read(store, from);
    expect(events.map(({ event }) => event)).toMatchObject([
      { type: "run.started", deadLetterId: null },
      { type: "dead_letter.opened", ...letter },
      { type: "dead_letter.resolved", ...letter },
    ]);
  });

  rule("go on after each position, page by page, and are those of one workspace", async ({ store }) => {
    const from = await listening(store);
    const ids = [];
    for (let n = 0; n < 5; n++) ids.push(await stored(store));
    await stored(store, { start: newRun({ workspace: "elsewhere" }) });
    let after = from;
    const seen: FeedItem[] = [];
    for (;;) {
      const page = await read(store, after, 2);
      expect(page.isComplete).toBe(true);
      seen.push(...page.items);
      if (page.items.length < 2) break;
      after = page.items.at(-1)!.position;
    }
    expect(seen.map(({ event }) => event.runId)).toEqual(ids);
    for (const [n, { position }] of seen.entries())
      expect(told(await read(store, position))).toEqual(ids.slice(n + 1).map((id) => ["run.started", id]));
  });

  rule("what was read up to a mark does not come again, and pages of one read end there", async (bench) => {
    const { store, second } = bench;
    const from = await listening(store);
    const ids = [await stored(store), await stored(second), await stored(store)];
    const first = await read(store, from, 2);
    const late = await stored(second);
    const page = { workspace: WORKSPACE, limit: 2 };
    const after = first.items[1]!.position;
    const rest = await store.feed.read({ ...page, after, until: first.mark });
    expect([...told(first), ...told(rest)]).toEqual(ids.map((id) => ["run.started", id]));
    expect([rest.mark, rest.settled]).toEqual([first.mark, first.settled]);
    const next = await second.feed.read({ ...page, after: from, since: first.mark });
    expect(told(next)).toEqual([["run.started", late]]);
    const none = await store.feed.read({ ...page, after: from, since: next.mark });
    expect([told(none), none.isComplete]).toEqual([[], true]);
  });

  rule("of runs that are started at once, leave none out", async ({ store, second }) => {
    const from = await listening(store);
    const ids = Array.from({ length: 60 }, newId);
    await Promise.all(ids.map((id, n) => moved(n % 2 === 0 ? store : second, start(id))));
    const { items } = await read(store, from, 1_000);
    expect(items.map(({ event }) => event.runId).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(
      ids.toSorted((a, b) => (a < b ? -1 : 1)),
    );
  });
}

function missingRules({ rule, expect }: Kit): void {
  rule("nothing is written where nobody listens, and who comes later knows", async (bench) => {
    const { store } = bench;
    expect(await read(store, null)).toMatchObject({ items: [], isExact: false, isComplete: false });
    await stored(store);
    const from = await listening(store);
    expect(await read(store, from)).toMatchObject({ items: [], isComplete: true });
    await bench.advance(FEED_KEEP_MS + 1);
    await stored(store);
    expect((await read(store, from)).isComplete).toBe(false);
    const again = await listening(store);
    expect((await read(store, from)).isComplete).toBe(false);
    expect(await read(store, again)).toMatchObject({ items: [], isComplete: true });
  });

  rule("a listener keeps its feed", async (bench) => {
    const { store } = bench;
    const from = await listening(store);
    await bench.advance(FEED_KEEP_MS - 10_000);
    await store.feed.listen(WORKSPACE);
    await bench.advance(FEED_KEEP_MS - 10_000);
    const id = await stored(store);
    expect(await read(store, from)).toMatchObject({ items: [{ event: { runId: id } }], isComplete: true });
  });

  rule("old events are deleted, and who would have needed them knows", async (bench) => {
    const { store } = bench;
    const from = await listening(store);
    for (let n = 0; n < 3; n++) await stored(store);
    await bench.advance(FEED_KEEP_MS - 10_000);
    await store.feed.listen(WORKSPACE);
    const late = await stored(store);
    expect(await store.feed.trim(10)).toBe(0);
    await bench.advance(20_000);
    expect(await store.feed.trim(2)).toBe(2);
    expect((await read(store, from)).isComplete).toBe(false);
    expect(await store.feed.trim(10)).toBe(1);
    const rest = await read(store, from);
    expect([rest.isComplete, told(rest)]).toEqual([false, [["run.started", late]]]);
    expect(await read(store, rest.items[0]!.position)).toMatchObject({ items: [], isComplete: true });
  });

  rule("positions that are none, or are not yet, and limits are refused", async ({ store }) => {
    await listening(store);
    expect((await read(store, "99999999999999999.0")).isComplete).toBe(false);
    for (const [after, limit] of [
      ["x", 10],
      ["1.0'", 10],
      ["1.0", 0],
      ["1.0", 1_001],
    ] as const)
      await expect(read(store, after, limit)).rejects.toMatchObject({ code: "option_invalid" });
  });
}
