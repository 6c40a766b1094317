/** Retention: whole trees of runs that are over and past their time go, with everything they had, and nothing else does. */
import type { ExpiredRun, KeepTimes } from "../../core/ports/retention.ts";
import type { CommitEntry } from "../../core/ports/commit.ts";
import type { Store } from "../../core/ports/store.ts";
import {
  change,
  message,
  move,
  moved,
  newId,
  newRun,
  row,
  running,
  seqOf,
  start,
  WORKSPACE,
} from "./entries.ts";
import type { Bench, Kit } from "./kit.ts";

const HOUR = 3_600_000;
const KEEP: KeepTimes = { succeeded: HOUR, failed: 3 * HOUR, cancelled: 2 * HOUR, unresolved: 9 * HOUR };

type End = "succeeded" | "failed" | "cancelled";
const ENDED = { nodes: [row("a", { status: "succeeded", outcome: "success" })], finished: true };

async function ended(store: Store, status: End, changes: Partial<CommitEntry> = {}): Promise<string> {
  const id = newId();
  await moved(store, start(id, { ...ENDED, status, ...changes }));
  return id;
}

function childOf(runId: string, changes: Partial<CommitEntry> = {}): Partial<CommitEntry> {
  const parent = { runId, node: "a", generation: 0, root: runId, depth: 1 };
  return { start: newRun({ parent }), ...changes };
}

async function found(store: Store, keep: KeepTimes = KEEP): Promise<readonly ExpiredRun[]> {
  const { runs, next } = await store.retention.expired({ workspace: WORKSPACE, keep, limit: 100 });
  if (next) throw new Error("One page was to be enough.");
  return runs;
}

async function foundIds(store: Store, keep: KeepTimes = KEEP): Promise<string[]> {
  return (await found(store, keep)).map(({ header }) => header.id).sort();
}

async function cleared(store: Store, limit = 100): Promise<void> {
  while (await store.retention.clear(limit));
}

export function retentionRules(kit: Kit): void {
  kit.describe("retention: what is over", () => overRules(kit));
  kit.describe("retention: what goes", () => goneRules(kit));
  kit.describe("retention: trees", () => treeRules(kit));
}

function overRules({ rule, expect }: Kit): void {
  rule("a run at rest is over when its status's time has passed since its end", async (bench) => {
    const { store } = bench;
    const [good, bad, ended3] = [
      await ended(store, "succeeded"),
      await ended(store, "failed"),
      await ended(store, "cancelled"),
    ];
    await moved(store, start(newId()));
    expect(await found(store)).toEqual([]);
    await bench.advance(HOUR + 1_000);
    const [only] = await found(store);
    expect(only).toEqual({ header: (await store.run(WORKSPACE, good))!.header, root: good });
    await bench.advance(HOUR);
    expect(await foundIds(store)).toEqual([good, ended3].sort());
    await bench.advance(HOUR);
    expect(await foundIds(store)).toEqual([good, ended3, bad].sort());
    expect(await foundIds(store, { ...KEEP, succeeded: null, failed: 99 * HOUR })).toEqual([ended3]);
    const never = { succeeded: null, failed: null, cancelled: null, unresolved: null };
    expect(await found(store, never)).toEqual([]);
  });

  rule("the time counts from the end, and not from the start", async (bench) => {
    const { store } = bench;
    const id = newId();
    await moved(store, start(id, { nodes: [running("a", "w")] }));
    await bench.advance(5 * HOUR);
    const nodes = [change("a", { status: "succeeded", outcome: "success", fence: 1 })];
    await moved(store, move(id, 1, { nodes, status: "succeeded", finished: true }));
    expect(await found(store)).toEqual([]);
    await bench.advance(HOUR + 1_000);
    expect(await foundIds(store)).toEqual([id]);
  });

  rule("a run with open dead letters stays for as long as these are kept", async (bench) => {
    const { store } = bench;
    const nodes = [row("a", { status: "failed", outcome: "error", failure: "open", fence: 1, attempt: 1 })];
    const id = await ended(store, "failed", { nodes, deadLetters: 1 });
    await bench.advance(8 * HOUR);
    expect(await found(store)).toEqual([]);
    await bench.advance(2 * HOUR);
    expect((await found(store)).map(({ header }) => [header.id, header.deadLetters])).toEqual([[id, 1]]);
  });

  rule("each workspace is asked for by itself, and its runs are looked at page by page", async (bench) => {
    const { store } = bench;
    const ids: string[] = [];
    for (let at = 0; at < 5; at++) ids.push(await ended(store, "succeeded"));
    const other = await ended(store, "succeeded", { start: newRun({ workspace: "elsewhere" }) });
    const young = await ended(store, "failed");
    await bench.advance(HOUR + 1_000);
    const pages: string[][] = [];
    let after: { createdAt: number; id: string } | null = null;
    do {
      const query = { workspace: WORKSPACE, keep: KEEP, limit: 2 };
      const page = await store.retention.expired(after ? { ...query, after } : query);
      pages.push(page.runs.map(({ header }) => header.id));
      after = page.next;
    } while (after);
    expect(pages.flat().sort()).toEqual(ids.sort());
    expect(Math.max(...pages.map(({ length }) => length))).toBe(2);
    const elsewhere = await store.retention.expired({ workspace: "elsewhere", keep: KEEP, limit: 2 });
    expect(elsewhere.runs.map(({ root }) => root)).toEqual([other]);
    expect(pages.flat().includes(young)).toBe(false);

    const [first, second] = [
      await store.retention.workspaces({ limit: 1 }),
      await store.retention.workspaces({ limit: 9 }),
    ];
    expect([...second].sort()).toEqual([WORKSPACE, "elsewhere"].sort());
    expect(await store.retention.workspaces({ after: first[0]!, limit: 9 })).toEqual([second[1]]);
  });
}

/** A run with something in every table that runs write to. */
async function richRun(store: Store): Promise<string> {
  const id = newId();
  const blob = "large ".repeat(20_000);
  const entry = start(id, { nodes: [running("a", "w"), row("b", { status: "pending" })], listens: ["tick"] });
  await moved(store, entry);
  await store.saveMemo({ runId: id, node: "a", item: -1, generation: 0, fence: 1 }, "part", blob);
  await store.append([message(id, "m", { kind: "signal", name: "s", payload: blob })]);
  const error = { class: "http", message: "502" };
  const failed = change("a", {
    status: "failed",
    outcome: "error",
    failure: "open",
    fence: 1,
    attempt: 1,
    error,
  });
  const attempts = [{ node: "a", item: -1, fence: 1, attempt: 1, error }];
  const nodes = [failed, change("b", { status: "skipped", output: blob })];
  const end = { status: "failed", finished: true, deadLetters: 1, nodes, attempts, consumed: ["m"] } as const;
  await moved(store, move(id, 2, { ...end, output: blob }));
  return id;
}

function goneRules({ rule, expect }: Kit): void {
  rule("nothing of a deleted run is left, and nothing can be written for it", async (bench) => {
    const { store } = bench;
    const id = await richRun(store);
    const kept = await richRun(store);
    await bench.advance(10 * HOUR);
    const runs = (await found(store)).filter(({ root }) => root === id);
    expect(await store.retention.delete(runs)).toEqual([id]);
    expect(await store.retention.delete(runs)).toEqual([]);
    expect(await store.run(WORKSPACE, id)).toBeNull();
    expect(await store.load([{ runId: id }])).toEqual([null]);
    expect(await store.commit([move(id, 3)])).toEqual([{ type: "gone" }]);
    expect(await store.append([message(id, "late")])).toEqual(["unknown_run"]);
    await cleared(store, 1);
    const letters = await store.deadLetters({ workspace: WORKSPACE, limit: 10 });
    expect(letters.items.map(({ runId }) => runId)).toEqual([kept]);
    const listening = await store.listeners({ workspace: WORKSPACE, event: "tick", limit: 10 });
    expect(listening.includes(id)).toBe(false);
    const memos = { node: "a", item: -1, generation: 0, fence: 1 };
    expect((await store.memos({ runId: id, ...memos })).size).toBe(0);
    expect(await store.saveMemo({ runId: id, ...memos }, "late", 1)).toBe(false);
    expect((await store.memos({ runId: kept, ...memos })).size).toBe(1);
    expect((await store.run(WORKSPACE, kept))!.attempts).toHaveLength(1);
  });

  rule("a run that has moved since it was found stays, whoever is faster", async (bench) => {
    const { store, second } = bench;
    const id = await richRun(store);
    await bench.advance(10 * HOUR);
    const runs = await found(store);
    const letter = { node: "a", item: -1, fence: 1, by: null };
    const redrive = { kind: "redrive", newKey: false, ...letter } as const;
    expect(await second.append([message(id, "again", redrive)])).toEqual(["stored"]);
    expect(await store.retention.delete(runs)).toEqual([]);
    expect(await seqOf(store, id)).toBe(4);
  });

  rule("a run that somebody holds stays, and nobody is waited for", async (bench) => {
    const { store, second } = bench;
    const [id, other] = [await ended(store, "succeeded"), await ended(store, "succeeded")];
    await bench.advance(10 * HOUR);
    const runs = await found(store);
    await second.commitLocked({ runId: id }, async () => {
      expect(await store.retention.delete(runs)).toEqual([other]);
      return null;
    });
    expect(await store.retention.delete(await found(store))).toEqual([id]);
  });

  rule("of several that delete the same runs each run goes once", async (bench) => {
    const { store, second } = bench;
    for (let at = 0; at < 20; at++) await ended(store, "succeeded");
    await bench.advance(10 * HOUR);
    const runs = await found(store);
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, at) => (at % 2 ? store : second).retention.delete(runs)),
    );
    const ids = answers.flat();
    expect(new Set(ids).size).toBe(ids.length);
    await store.retention.delete(await found(store));
    expect(await found(store)).toEqual([]);
  });

  rule("a key outlives its run, and says that the run is gone", async (bench) => {
    const { store } = bench;
    const key = { scope: "start", key: "k", fingerprint: "f" };
    const id = await ended(store, "succeeded", { start: newRun({ key }) });
    await bench.advance(HOUR + 1_000);
    await store.retention.delete(await found(store));
    await cleared(store);
    const ref = { workspace: WORKSPACE, scope: "start", key: "k" };
    expect(await store.key(ref)).toEqual({ runId: id, fingerprint: "f", isRunGone: true });
    expect(await store.commit([start(newId(), { start: newRun({ key }) })])).toEqual([{ type: "taken" }]);
    await bench.advance(31 * 24 * HOUR);
    expect(await store.key(ref)).toBeNull();
    expect(await store.expireKeys(10)).toBe(1);
  });
}

/** A root with two children, one of which has a child. */
async function tree(store: Store): Promise<{ root: string; ids: string[]; leaf: string }> {
  const root = await ended(store, "succeeded");
  const one = await ended(store, "succeeded", childOf(root));
  const two = await ended(store, "succeeded", childOf(root));
  const leaf = await ended(store, "failed", childOf(two));
  return { root, ids: [root, one, two, leaf], leaf };
}

function treeRules({ rule, expect }: Kit): void {
  rule("a tree goes as a whole when its last run is past its time", async (bench: Bench) => {
    const { store } = bench;
    const { root, ids } = await tree(store);
    await bench.advance(2 * HOUR);
    expect(await found(store)).toEqual([]);
    await bench.advance(HOUR + 1_000);
    const runs = await found(store);
    expect(runs.map(({ header }) => header.id).sort()).toEqual([...ids].sort());
    expect(new Set(runs.map((run) => run.root))).toEqual(new Set([root]));
    expect(runs[0]!.header.id).toBe(root);
    expect([...(await store.retention.delete(runs))].sort()).toEqual([...ids].sort());
  });

  rule("a tree stays as a whole where one of its runs is under way, or moves", async (bench) => {
    const { store } = bench;
    const busy = await ended(store, "succeeded");
    await moved(store, start(newId(), childOf(busy)));
    const { ids, leaf } = await tree(store);
    const plain = await ended(store, "succeeded");
    await bench.advance(4 * HOUR);
    const runs = await found(store);
    expect(runs.some(({ header }) => header.id === busy)).toBe(false);
    await moved(store, move(leaf, 1, { status: "failed", finished: true }));
    expect(await store.retention.delete(runs)).toEqual([plain]);
    for (const id of ids) expect(await store.run(WORKSPACE, id)).not.toBeNull();
  });

  rule("of a tree that is larger than a page the rest goes after its root", async (bench) => {
    const { store } = bench;
    const { ids } = await tree(store);
    await bench.advance(4 * HOUR);
    const order: string[] = [];
    for (;;) {
      const page = await store.retention.expired({ workspace: WORKSPACE, keep: KEEP, limit: 2 });
      const again = page.next && { workspace: WORKSPACE, keep: KEEP, limit: 2, after: page.next };
      const runs = page.runs.length > 0 || !again ? page.runs : (await store.retention.expired(again)).runs;
      if (runs.length === 0) break;
      order.push(...(await store.retention.delete(runs)));
    }
    expect([...order].sort()).toEqual([...ids].sort());
    expect(await found(store)).toEqual([]);
  });
}
