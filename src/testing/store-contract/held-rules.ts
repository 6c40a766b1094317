/** Node runs that wait for room: nobody finds them but who looks in their line, and they keep their place there until they begin. */
import type { CommitEntry } from "../../core/ports/commit.ts";
import type { LineRef } from "../../core/ports/held.ts";
import type { Store } from "../../core/ports/store.ts";
import { change, move, moved, newId, newRun, row, seqOf, start, stored, worker } from "./entries.ts";
import type { Kit } from "./kit.ts";

const LANE = "default";
const LINE: LineRef = { lane: LANE, workspace: "acme" };
const LANES = [LANE, "other"];

export function heldRules({ expect, rule }: Kit): void {
  rule(
    "one that is held is in its line, and not among those to be handed over",
    async ({ store, advance }) => {
      const first = await held(store, LINE);
      await advance(10);
      const second = await held(store, LINE);
      const free = await stored(store, { nodes: [row("a")] });
      expect((await store.undispatched(10)).map(({ runId }) => runId)).toEqual([free]);
      expect(await runs(store, LINE, 10)).toEqual([first, second]);
      expect(await runs(store, LINE, 1)).toEqual([first]);
      const [ref] = await store.held.first([{ ...LINE, limit: 1 }], "w");
      const [line] = await store.held.lines({ lanes: LANES, limit: 9 });
      const about = { node: "a", item: -1, fence: 0, dispatches: 0, workflow: "checkout", version: 1 };
      expect(ref).toEqual({ runId: first, ...about, ...LINE, heldAt: line!.since });
      expect(line).toEqual({ ...LINE, since: ref!.heldAt });
    },
  );

  rule(
    "it keeps its place while it is held again, and leaves it when it goes on",
    async ({ store, advance }) => {
      const first = await held(store, LINE);
      await advance(10);
      const second = await held(store, LINE);
      await advance(10);
      await write(store, first, change("a", { heldIn: LINE }));
      expect(await runs(store, LINE, 10)).toEqual([first, second]);
      await write(store, first, change("a", { status: "running", worker: "w", fence: 1, attempt: 1 }));
      expect(await runs(store, LINE, 10)).toEqual([second]);
      // Back again, it is the last one.
      await write(store, first, change("a", { fence: 2, heldIn: LINE }));
      expect(await runs(store, LINE, 10)).toEqual([second, first]);
      await write(store, second, change("a", { status: "queued", dispatches: 1 }));
      await write(store, first, change("a", { fence: 2 }));
      expect(await store.held.lines({ lanes: LANES, limit: 9 })).toEqual([]);
      expect((await store.undispatched(10)).map(({ runId }) => runId)).toEqual([first]);
    },
  );

  rule("those that end or are deleted are in no line", async ({ store }) => {
    const first = await held(store, LINE);
    const second = await held(store, LINE);
    const ended = { status: "cancelled", finished: true } as const;
    const nodes = [change("a", { status: "cancelled" })];
    await moved(store, move(first, 1, { ...ended, nodes }));
    expect(await runs(store, LINE, 10)).toEqual([second]);
    while ((await store.workspaces.erase("acme", 10)).runs > 0);
    expect(await store.held.lines({ lanes: LANES, limit: 9 })).toEqual([]);
  });

  rule("those of a paused run wait until it is resumed", async ({ store }) => {
    const first = await held(store, LINE);
    const second = await held(store, LINE);
    await moved(store, move(first, 1, { paused: true }));
    expect(await runs(store, LINE, 1)).toEqual([second]);
    await moved(store, move(first, 2));
    expect(await runs(store, LINE, 1)).toEqual([first]);
  });

  rule("lines are found by lane and workspace, page by page", async ({ store }) => {
    const [a, b, c] = ["a", "b", "c"].map((workspace) => ({ lane: LANE, workspace }));
    const other = { lane: "other", workspace: "a" };
    for (const line of [c!, a!, other, b!, a!]) await held(store, line);
    const page = async (lanes: readonly string[], limit: number, after?: LineRef) => {
      const found = await store.held.lines({ lanes, limit, ...(after ? { after } : {}) });
      return found.map(({ lane, workspace }) => ({ lane, workspace }));
    };
    expect(await page([LANE], 9)).toEqual([a, b, c]);
    expect(await page(LANES, 9)).toEqual([a, b, c, other]);
    expect(await page(LANES, 2)).toEqual([a, b]);
    expect(await page(LANES, 2, b)).toEqual([c, other]);
    const asked = [a!, other].map((line) => ({ ...line, limit: 1 }));
    expect((await store.held.first(asked, "w")).map(({ lane, workspace }) => ({ lane, workspace }))).toEqual([
      a,
      other,
    ]);
  });

  rule(
    "workers that look together get what falls to each, and all of it where that is too little",
    async ({ store, second }) => {
      const workers = [worker(), worker()];
      for (const each of workers) await store.register(each);
      const ids = new Set<string>();
      for (let n = 0; n < 40; n++) ids.add(await held(store, LINE));
      const of = async (each: Store, at: number, limit: number) =>
        (await each.held.first([{ ...LINE, limit }], workers[at]!.id)).map(({ runId }) => runId);
      expect(new Set(await of(store, 0, 40))).toEqual(ids);
      expect(new Set(await of(second, 1, 40))).toEqual(ids);
      expect(await of(store, 0, 5)).toHaveLength(5);
      // One whose end nobody has noticed yet keeps nothing from the others.
      expect(new Set([...(await of(store, 0, 40)), ...(await of(second, 1, 1))])).toEqual(ids);
    },
  );

  rule("what all live workers run at once is added up", async ({ store }) => {
    expect(await store.held.capacity()).toBe(0);
    const [one, other] = [worker({ concurrency: 10 }), worker({ concurrency: 30 })];
    const maintains = worker({ concurrency: 50, actions: [] });
    for (const each of [one, other, maintains]) await store.register(each);
    expect(await store.held.capacity()).toBe(40);
    await store.deregister(one.id);
    expect(await store.held.capacity()).toBe(30);
  });

  rule("what is in the queue is counted by workspace", async ({ store }) => {
    const queued = row("a", { status: "queued", dispatches: 1 });
    for (const workspace of ["a", "a", "b"])
      await stored(store, { start: newRun({ workspace }), nodes: [queued] });
    await held(store, LINE);
    const run = await stored(store, { start: newRun({ workspace: "c" }), nodes: [queued] });
    await write(store, run, change("a", { status: "running", worker: "w", fence: 1, attempt: 1 }));
    expect(await store.held.queued()).toEqual(
      new Map([
        ["a", 2],
        ["b", 1],
      ]),
    );
  });
}

async function held(store: Store, line: LineRef): Promise<string> {
  const id = newId();
  const { workspace } = line;
  await moved(store, start(id, { start: newRun({ workspace }), nodes: [row("a", { heldIn: line })] }));
  return id;
}

async function write(store: Store, runId: string, node: CommitEntry["nodes"][number]): Promise<void> {
  await moved(store, move(runId, await seqOf(store, runId), { nodes: [node] }));
}

async function runs(store: Store, line: LineRef, limit: number): Promise<readonly string[]> {
  return (await store.held.first([{ ...line, limit }], "w")).map(({ runId }) => runId);
}
