/** What the maintenance loops look for: rows that are due, not handed over, or lost on their way. */
import type { NodeRef } from "../../core/ports/store.ts";
import { change, move, moved, row, running, seqOf, setRow, stored, waiting } from "./entries.ts";
import type { Kit } from "./kit.ts";

const nodes = (refs: readonly NodeRef[]): string[] => refs.map(({ node }) => node);

export function loopRules(kit: Kit): void {
  kit.describe("loops: due", () => dueRules(kit));
  kit.describe("loops: undispatched", () => undispatchedRules(kit));
  kit.describe("loops: lost", () => lostRules(kit));
}

function dueRules({ rule, expect }: Kit): void {
  rule("waiting rows whose time has come, oldest first", async ({ store, advance }) => {
    const id = await stored(store, {
      nodes: [
        waiting("late", { inMs: 60_000 }),
        waiting("second", { inMs: 20_000 }, { fence: 3 }),
        waiting("first", { inMs: 10_000 }),
        waiting("never", null),
        row("ready"),
        running("running", "w"),
      ],
    });
    expect(await store.due(10)).toEqual([]);
    await advance(30_000);
    expect(await store.due(10)).toEqual([
      { runId: id, node: "first", item: -1, fence: 1 },
      { runId: id, node: "second", item: -1, fence: 3 },
    ]);
    expect(nodes(await store.due(1))).toEqual(["first"]);
    await setRow(store, id, change("first", { status: "succeeded", fence: 1 }));
    await setRow(
      store,
      id,
      change("second", { status: "waiting", waitingFor: "timer", due: { inMs: 5_000 } }),
    );
    expect(await store.due(10)).toEqual([]);
    await advance(40_000);
    expect(nodes(await store.due(10))).toEqual(["second", "late"]);
  });

  rule("rows that may start, and maps, whose deadline has passed", async ({ store, advance }) => {
    const now = await store.now();
    const bounded = { deadlineAt: now + 20_000 } as const;
    const id = await stored(store, {
      nodes: [
        row("ready", bounded),
        row("pending", { status: "pending", deadlineAt: now + 15_000 }),
        row("queued", { ...bounded, status: "queued", deadlineAt: now + 10_000 }),
        running("running", "w", bounded),
        row("map", { status: "running", waitingFor: "map", deadlineAt: now + 18_000 }),
        waiting("waiting", { inMs: 60_000 }, bounded),
        row("over", { ...bounded, status: "failed" }),
        row("later", { deadlineAt: now + 90_000 }),
        row("unbounded"),
      ],
    });
    const paused = await stored(store, { paused: true, nodes: [row("a", bounded)] });
    expect(nodes(await store.due(10))).toEqual([]);
    await advance(30_000);
    expect(nodes(await store.due(10))).toEqual(["queued", "pending", "map", "ready"]);
    expect(nodes(await store.due(1))).toEqual(["queued"]);
    await setRow(store, id, change("pending", { status: "cancelled" }));
    await setRow(store, id, change("queued", { status: "running", worker: "w", ...bounded }));
    await setRow(store, id, change("ready", { status: "ready" }));
    await setRow(store, id, change("map", { status: "succeeded" }));
    expect(await store.due(10)).toEqual([]);
    await moved(store, move(paused, await seqOf(store, paused), { paused: false }));
    expect((await store.due(10)).map(({ runId }) => runId)).toEqual([paused]);
  });

  rule("none of a paused run until it is resumed", async ({ store }) => {
    const id = await stored(store, { paused: true, nodes: [waiting("a", { inMs: 0 })] });
    const free = await stored(store, { nodes: [waiting("b", { inMs: 0 })] });
    expect((await store.due(10)).map((ref) => ref.runId)).toEqual([free]);
    await moved(store, move(id, await seqOf(store, id), { paused: false }));
    expect((await store.due(10)).map((ref) => ref.runId).sort()).toEqual([id, free].sort());
  });
}

function undispatchedRules({ rule, expect }: Kit): void {
  rule(
    "ready rows, those that could start longest first, with all that a task says",
    async ({ store, advance }) => {
      const older = await stored(store, { nodes: [row("a", { fence: 4, dispatches: 2 })] });
      await advance(1_000);
      const id = await stored(store, {
        nodes: [
          row("b"),
          row("held", { due: { inMs: 30_000 } }),
          waiting("w", { inMs: 0 }),
          row("q", { status: "queued" }),
        ],
      });
      const [first] = await store.undispatched(10);
      expect(first).toEqual({
        runId: older,
        node: "a",
        item: -1,
        fence: 4,
        dispatches: 2,
        workspace: "acme",
        workflow: "checkout",
        version: 1,
      });
      expect(nodes(await store.undispatched(10))).toEqual(["a", "b"]);
      expect(nodes(await store.undispatched(1))).toEqual(["a"]);
      await advance(60_000);
      expect(nodes(await store.undispatched(10))).toEqual(["a", "b", "held"]);
      await setRow(store, id, change("b", { status: "queued" }));
      expect(nodes(await store.undispatched(10))).toEqual(["a", "held"]);
    },
  );

  rule("none of a paused run until it is resumed", async ({ store }) => {
    const id = await stored(store, { paused: true, nodes: [row("a")] });
    expect(await store.undispatched(10)).toEqual([]);
    await moved(store, move(id, 1, { paused: false }));
    expect(nodes(await store.undispatched(10))).toEqual(["a"]);
  });
}

function lostRules({ rule, expect }: Kit): void {
  rule("queued rows that were handed over before a time, oldest first", async ({ store, advance }) => {
    const id = await stored(store, { nodes: [row("a", { status: "queued" }), row("r"), running("x", "w")] });
    await advance(10_000);
    const other = await stored(store, { nodes: [row("b", { status: "queued" })] });
    const between = (await store.now()) - 5_000;
    expect(nodes(await store.lost({ dispatchedBefore: between, limit: 10 }))).toEqual(["a"]);
    await advance(10_000);
    const now = await store.now();
    expect(nodes(await store.lost({ dispatchedBefore: now, limit: 10 }))).toEqual(["a", "b"]);
    expect(nodes(await store.lost({ dispatchedBefore: now, limit: 1 }))).toEqual(["a"]);
    await setRow(store, id, change("a", { status: "queued", dispatches: 1 }));
    expect(nodes(await store.lost({ dispatchedBefore: now, limit: 10 }))).toEqual(["b"]);
    await setRow(store, other, change("b", { status: "running", worker: "w", fence: 1 }));
    expect(await store.lost({ dispatchedBefore: (await store.now()) + 1, limit: 10 })).toHaveLength(1);
  });

  rule("`dispatchedBefore` itself is not before, and `dispatchedFrom` is within", async ({ store }) => {
    const id = await stored(store, { nodes: [row("a", { status: "queued" })] });
    const [run] = await store.load([{ runId: id }]);
    const at = run!.nodes[0]!.dispatchedAt!;
    expect(await store.lost({ dispatchedBefore: at, limit: 10 })).toEqual([]);
    const [found] = await store.lost({ dispatchedBefore: at + 1, limit: 10 });
    expect(found?.dispatchedAt).toBe(at);
    expect(await store.lost({ dispatchedBefore: at + 1, dispatchedFrom: at, limit: 10 })).toHaveLength(1);
    expect(await store.lost({ dispatchedBefore: at + 2, dispatchedFrom: at + 1, limit: 10 })).toEqual([]);
  });
}
