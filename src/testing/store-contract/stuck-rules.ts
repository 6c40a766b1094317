/** Stuck runs: who has waited for long is found by what it waits for, and what was reported is reported once. */
import type { StuckRun, StuckStore } from "../../core/ports/stuck.ts";
import type { Store } from "../../core/ports/store.ts";
import { message, newId, newRun, row, running, stored, waiting, worker } from "./entries.ts";
import type { Kit } from "./kit.ts";

const QUERY = { quietMs: 20_000, rounds: 8, limit: 100 };

/** Each as `kind node`, and what is young with a question mark. */
async function found(store: Store, query = QUERY): Promise<readonly string[]> {
  const all = await store.stuck.waiting(query);
  return all.map(({ kind, node, isOld }) => `${kind} ${node ?? "-"}${isOld ? "" : "?"}`).sort();
}

function stuck(runId: string, changes: Partial<StuckRun> = {}): StuckRun {
  const place = { runId, workspace: "acme", workflow: "checkout", version: 1 };
  return {
    ...place,
    reason: "not_taken",
    node: "a",
    lane: "default",
    action: "charge",
    since: 5,
    ...changes,
  };
}

export function stuckRules(kit: Kit): void {
  kit.describe("stuck runs: who waits", () => {
    waitingRules(kit);
    workRules(kit);
    restRules(kit);
  });
  kit.describe("stuck runs: the list", () => listRules(kit));
}

function waitingRules({ rule, expect }: Kit): void {
  rule("what can start, is due or is past its deadline, once it is old", async ({ store, advance }) => {
    const now = await store.now();
    const id = await stored(store, {
      nodes: [
        row("ready"),
        row("later", { due: { inMs: 60_000 } }),
        row("queued", { status: "queued" }),
        waiting("due", { inMs: 1_000 }),
        waiting("sleeps", { inMs: 90_000 }),
        row("late", { status: "pending", deadlineAt: now + 1_000 }),
        row("bounded", { status: "pending", deadlineAt: now + 90_000 }),
        row("held", { heldIn: { lane: "default", workspace: "acme" } }),
      ],
    });
    expect(await found(store)).toEqual([]);
    await advance(30_000);
    expect(await found(store)).toEqual(["queued queued", "ready ready", "timer due", "timer late"]);
    const [first] = await store.stuck.waiting(QUERY);
    const { createdAt } = (await store.run("acme", id))!.header;
    expect(first).toMatchObject({ runId: id, workspace: "acme", workflow: "checkout", version: 1 });
    expect(first).toMatchObject({ status: "running", since: createdAt });
  });

  rule("what goes round, however young it is", async ({ store }) => {
    await stored(store, {
      nodes: [
        row("a", { dispatches: 8, due: { inMs: 5_000 } }),
        row("b", { status: "queued", dispatches: 9 }),
        row("c", { status: "queued", dispatches: 7 }),
        running("d", "w", { dispatches: 9 }),
      ],
    });
    expect(await found(store)).toEqual(["queued b?", "ready a?"]);
  });

  rule("a message that nobody has read", async ({ store, advance }) => {
    const id = await stored(store, { nodes: [waiting("a", null)] });
    await store.append([message(id, "m", { kind: "pause" })]);
    expect(await found(store)).toEqual([]);
    await advance(30_000);
    expect(await found(store)).toEqual(["message -"]);
  });
}

function workRules({ rule, expect }: Kit): void {
  rule("node runs whose worker is dead for long, or was never there", async ({ store, advance }) => {
    const [alive, dead] = [worker(), worker()];
    await store.register(alive);
    await store.register(dead);
    const nodes = [running("a", alive.id), running("b", dead.id), running("c", "nobody")];
    await stored(store, { nodes });
    await advance(30_000);
    await store.deregister(dead.id);
    expect(await found(store)).toEqual(["lost c"]);
    await advance(30_000);
    expect(await found(store)).toEqual(["lost b", "lost c"]);
  });

  rule("rooms are those of live workers, with what they run and can run", async ({ store }) => {
    const able = worker({ lanes: ["default", "slow"], actions: ["charge"] });
    const [old, dead] = [worker(), worker({ actions: [] })];
    for (const each of [able, old, dead]) await store.register(each);
    await store.deregister(dead.id);
    await stored(store, { nodes: [running("a", able.id), running("b", able.id), running("c", dead.id)] });
    const rooms = await store.stuck.rooms();
    expect(rooms.toSorted((a, b) => b.running - a.running)).toEqual([
      { lanes: ["default", "slow"], actions: ["charge"], running: 2 },
      { lanes: ["default"], actions: null, running: 0 },
    ]);
  });

  rule("a map of which nobody begins an item", async ({ store, advance }) => {
    const node = row("map", { status: "running", waitingFor: "map", fence: 1 });
    const begin = { type: "start", node: "map", fence: 1, total: 3, concurrency: 2, collect: false } as const;
    await stored(store, { nodes: [node], maps: [begin] });
    expect(await found(store)).toEqual([]);
    await advance(30_000);
    expect(await found(store)).toEqual(["map map"]);
  });
}

function restRules({ rule, expect }: Kit): void {
  rule(
    "runs in which nothing is alive, but none that rests, waits or is paused",
    async ({ store, advance }) => {
      const nodes = [row("a", { status: "succeeded" }), row("b", { status: "pending" })];
      await stored(store, { nodes });
      await stored(store, { nodes, status: "cancelling" });
      await stored(store, { nodes, status: "failed", finished: true });
      await stored(store, { nodes, status: "waiting" });
      await stored(store, { nodes, paused: true });
      await stored(store, { nodes: [...nodes, running("c", "w", { waitingFor: "child", worker: null })] });
      expect(await found(store)).toEqual([]);
      await advance(30_000);
      expect(await found(store)).toEqual(["idle -", "idle -"]);
    },
  );

  rule("none of a run that is paused or at rest", async ({ store, advance }) => {
    const nodes = [row("a"), waiting("b", { inMs: 0 }), running("c", "nobody")];
    const id = await stored(store, { nodes, paused: true });
    await stored(store, { nodes, status: "failed", finished: true });
    await store.append([message(id, "m", { kind: "cancel" })]);
    await advance(30_000);
    expect(await found(store)).toEqual([]);
  });

  rule("of one node so many, and first those that are listed", async ({ store, advance }) => {
    const runs = [await stored(store, { nodes: [row("a")] }), await stored(store, { nodes: [row("a")] })];
    await stored(store, { nodes: [row("b")] });
    await stored(store, { start: newRun({ workflow: "other" }), nodes: [row("a")] });
    await advance(30_000);
    expect(await found(store, { ...QUERY, limit: 1 })).toEqual(["ready a", "ready a", "ready b"]);
    const last = runs.sort().at(-1)!;
    await store.stuck.note([stuck(last)]);
    const shown = await store.stuck.waiting({ ...QUERY, limit: 1 });
    const own = shown.filter(({ workflow, node }) => workflow === "checkout" && node === "a");
    expect(own.map(({ runId }) => runId)).toEqual([last]);
  });
}

function listRules({ rule, expect }: Kit): void {
  const list = ({ stuck: store }: Store): ReturnType<StuckStore["list"]> =>
    store.list({ workspace: null, limit: 100 });

  rule("has what was noted last, and says what is new", async ({ store, advance }) => {
    const [one, other] = [newId(), newId()];
    const whole = stuck(other, { reason: "nothing_moves", node: null, lane: null, action: null });
    expect(await store.stuck.note([stuck(one), whole])).toEqual([stuck(one), whole]);
    const before = await list(store);
    await advance(60_000);
    const again = stuck(one, { since: 99 });
    const moved = stuck(one, { reason: "no_worker_for_action" });
    expect(await store.stuck.note([again, moved])).toEqual([moved]);
    const after = await list(store);
    expect(after.map(({ reason, since }) => [reason, since])).toEqual([
      ["no_worker_for_action", 5],
      ["not_taken", 5],
    ]);
    expect(after[1]).toEqual(before.find(({ runId }) => runId === one));
    expect(await store.stuck.note([])).toEqual([]);
    expect(await list(store)).toEqual([]);
  });

  rule("is read by workspace, the newest first, page by page", async ({ store, advance }) => {
    const ids = [newId(), newId(), newId()];
    const all = [stuck(ids[0]!), stuck(ids[1]!, { workspace: "other" }), stuck(ids[2]!, { node: null })];
    for (const [n] of all.entries()) {
      await store.stuck.note(all.slice(0, n + 1));
      await advance(1_000);
    }
    const runs = async (query: Partial<Parameters<StuckStore["list"]>[0]>) =>
      (await store.stuck.list({ workspace: null, limit: 100, ...query })).map(({ runId }) => runId);
    expect(await runs({})).toEqual(ids.toReversed());
    expect(await runs({ workspace: "other" })).toEqual([ids[1]]);
    const [first] = await store.stuck.list({ workspace: null, limit: 1 });
    expect(await runs({ after: first!, limit: 1 })).toEqual([ids[1]]);
  });

  rule("ends at a thousand", async ({ store }) => {
    const many = Array.from({ length: 1_001 }, () => stuck(newId()));
    expect(await store.stuck.note(many)).toEqual(many.slice(0, 1_000));
    expect(await store.stuck.note(many.slice(1))).toEqual(many.slice(1_000));
  });

  rule("is looked after by one at a time", async ({ store, second, advance }) => {
    const both = await Promise.all([store.stuck.takeTurn(10_000), second.stuck.takeTurn(10_000)]);
    expect(both.filter(Boolean)).toHaveLength(1);
    expect(await store.stuck.takeTurn(10_000)).toBe(false);
    await advance(20_000);
    expect(await second.stuck.takeTurn(10_000)).toBe(true);
  });
}
