/** Node rows: what a write changes, what it leaves, and the times that the store adds. */
import type { NodeRecord } from "../../core/ports/stored-run.ts";
import type { NodeStatus } from "../../core/run/state.ts";
import {
  attempt,
  change,
  loaded,
  move,
  moved,
  row,
  rowOf,
  running,
  setRow,
  stored,
  waiting,
} from "./entries.ts";
import type { Kit } from "./kit.ts";

export function rowRules(kit: Kit): void {
  kit.describe("node rows: state", () => stateRules(kit));
  kit.describe("node rows: values", () => valueRules(kit));
  kit.describe("node rows: times", () => timeRules(kit));
  kit.describe("attempts", () => attemptRules(kit));
}

function stateRules({ rule, expect }: Kit): void {
  rule("a row holds every field that was written", async ({ store }) => {
    const fields = {
      outcome: "error",
      attempt: 3,
      fence: 7,
      losses: 2,
      generation: 1,
      dispatches: 4,
      worker: "w-1",
      possiblyDuplicated: true,
      edited: "given",
      deadlineAt: 1_900_000_000_001,
      putOffMs: 86_400_000,
      keyFence: 5,
    } as const;
    const error = { class: "http", message: "502", status: 502, path: ["a", 1] };
    const write = row("a", {
      ...fields,
      status: "failed",
      failure: "open",
      error,
      due: { at: 1_900_000_000_000 },
    });
    const id = await stored(store, { nodes: [write] });
    const { startedAt, finishedAt, ...rest } = await rowOf(store, id, "a");
    const expected: Partial<NodeRecord> = {
      ...fields,
      node: "a",
      item: -1,
      status: "failed",
      waitingFor: null,
      failure: "open",
      dueAt: 1_900_000_000_000,
      dispatchedAt: null,
      seq: 1,
      error,
    };
    expect(rest).toEqual(expected);
    expect([startedAt, finishedAt]).toEqual([expect.any(Number), expect.any(Number)]);
  });

  rule("a write is the whole next state", async ({ store }) => {
    const id = await stored(store, {
      nodes: [
        waiting(
          "a",
          { inMs: 1_000 },
          {
            losses: 2,
            generation: 1,
            attempt: 2,
            failure: "open",
            possiblyDuplicated: true,
            deadlineAt: 1_900_000_000_001,
            putOffMs: 7,
            keyFence: 5,
          },
        ),
      ],
    });
    const record = await setRow(
      store,
      id,
      change("a", { status: "succeeded", outcome: "success", fence: 2 }),
    );
    expect(record).toMatchObject({
      status: "succeeded",
      outcome: "success",
      attempt: 0,
      fence: 2,
      losses: 0,
      generation: 0,
      worker: null,
      waitingFor: null,
      failure: null,
      possiblyDuplicated: false,
      deadlineAt: null,
      putOffMs: 0,
      keyFence: 0,
      dueAt: null,
      seq: 2,
    });
  });

  rule("every status, wait and failure comes back as it was written", async ({ store }) => {
    const statuses: NodeStatus[] = ["pending", "ready", "queued", "running", "waiting"];
    statuses.push("succeeded", "failed", "skipped", "cancelled");
    const nodes = [
      ...statuses.map((status) => row(status, { status })),
      ...(["timer", "message", "retry"] as const).map((waitingFor) =>
        waiting(`w-${waitingFor}`, null, { waitingFor }),
      ),
      ...(["handled", "open", "discarded", "compensated"] as const).map((failure) =>
        row(`f-${failure}`, { status: "failed", failure }),
      ),
    ];
    const id = await stored(store, { nodes });
    const { nodes: rows } = await loaded(store, id);
    const pick = (of: Pick<NodeRecord, "node" | "status" | "waitingFor" | "failure">): string =>
      [of.node, of.status, of.waitingFor, of.failure].join();
    expect(rows.map(pick).sort()).toEqual(nodes.map(pick).sort());
  });

  rule("items of a mapped node are rows of their own, which a run is loaded without", async ({ store }) => {
    const nodes = [-1, 0, 1].map((item) => row("ship", { item, fence: item + 1, input: item, output: item }));
    const id = await stored(store, { nodes });
    await moved(store, move(id, 1, { nodes: [change("ship", { item: 1, fence: 9, input: "new" })] }));
    const { nodes: rows } = await loaded(store, id);
    expect(rows.map(({ item, fence, seq }) => [item, fence, seq])).toEqual([[-1, 0, 1]]);
    const refs = [0, 1].map((item) => ({ runId: id, node: "ship", item, fence: 0 }));
    expect(await store.inputs(refs)).toEqual([0, "new"]);
    const [run] = await store.load([{ runId: id, outputs: ["ship"] }]);
    expect(run?.outputs).toEqual(new Map([["ship", -1]]));
  });

  rule("a row that was not written keeps its seq", async ({ store }) => {
    const id = await stored(store, { nodes: [row("a"), row("b")] });
    await moved(store, move(id, 1, { nodes: [change("b", {})] }));
    expect([(await rowOf(store, id, "a")).seq, (await rowOf(store, id, "b")).seq]).toEqual([1, 2]);
  });
}

function valueRules({ rule, expect }: Kit): void {
  rule("input and output stay unless they are given", async ({ store }) => {
    const id = await stored(store, { nodes: [running("a", "w", { input: { n: 1 } })] });
    const values = async (): Promise<unknown> => {
      const detail = await store.run("acme", id);
      return detail?.nodes.map(({ input, output }) => [input, output]);
    };
    expect(await values()).toEqual([[{ n: 1 }, undefined]]);
    await setRow(store, id, change("a", { status: "succeeded", output: [1] }));
    expect(await values()).toEqual([[{ n: 1 }, [1]]]);
    await setRow(store, id, change("a", { status: "ready", fence: 2, losses: 1 }));
    expect(await values()).toEqual([[{ n: 1 }, [1]]]);
    await setRow(store, id, change("a", { status: "running", input: null, output: null }));
    expect(await values()).toEqual([[null, null]]);
  });

  rule("the error stays unless it is given, and `null` clears it", async ({ store }) => {
    const error = { class: "http", message: "502" };
    const id = await stored(store, {
      nodes: [row("a", { status: "failed", error }), row("b", { error: null })],
    });
    expect((await rowOf(store, id, "b")).error).toBeNull();
    expect((await setRow(store, id, change("a", { status: "ready", fence: 2 }))).error).toEqual(error);
    expect((await setRow(store, id, change("a", { status: "ready", losses: 1 }))).error).toEqual(error);
    expect((await setRow(store, id, change("a", { status: "ready", error: null }))).error).toBeNull();
  });
}

function timeRules({ rule, expect }: Kit): void {
  rule(
    "`queued` gets the commit's time as `dispatchedAt`, and keeps it until it is sent again",
    async ({ store, advance }) => {
      const id = await stored(store, { nodes: [row("a")] });
      expect((await rowOf(store, id, "a")).dispatchedAt).toBeNull();
      await advance(1_000);
      const before = await store.now();
      const { dispatchedAt } = await setRow(store, id, change("a", { status: "queued" }));
      expect(dispatchedAt).toBeGreaterThanOrEqual(before);
      expect(dispatchedAt).toBeLessThanOrEqual(await store.now());
      await advance(1_000);
      expect((await setRow(store, id, change("a", { status: "queued" }))).dispatchedAt).toBe(dispatchedAt);
      const again = await setRow(store, id, change("a", { status: "queued", dispatches: 1 }));
      expect(again.dispatchedAt).toBeGreaterThanOrEqual(dispatchedAt! + 1_000);
      await advance(1_000);
      const fenced = await setRow(store, id, change("a", { status: "queued", dispatches: 1, fence: 1 }));
      expect(fenced.dispatchedAt).toBeGreaterThanOrEqual(again.dispatchedAt! + 1_000);
      expect(
        (await setRow(store, id, change("a", { status: "running", worker: "w" }))).dispatchedAt,
      ).toBeNull();
    },
  );

  rule("a row that is new and `queued` has been handed over", async ({ store }) => {
    const before = await store.now();
    const id = await stored(store, { nodes: [row("a", { status: "queued" })] });
    expect((await rowOf(store, id, "a")).dispatchedAt).toBeGreaterThanOrEqual(before);
  });

  rule("`startedAt` is the claim's time, and stays when the row ends", async ({ store, advance }) => {
    const id = await stored(store, { nodes: [running("a", "w")] });
    const { startedAt, finishedAt } = await rowOf(store, id, "a");
    expect([startedAt, finishedAt]).toEqual([expect.any(Number), null]);
    await advance(1_000);
    const same = await setRow(
      store,
      id,
      change("a", { status: "running", worker: "w", fence: 1, attempt: 2 }),
    );
    expect(same.startedAt).toBe(startedAt);
    const again = await setRow(store, id, change("a", { status: "running", worker: "w", fence: 2 }));
    expect(again.startedAt).toBeGreaterThanOrEqual(startedAt! + 1_000);
    await advance(1_000);
    const ended = await setRow(store, id, change("a", { status: "succeeded", fence: 2 }));
    expect(ended.startedAt).toBe(again.startedAt);
    expect(ended.finishedAt).toBeGreaterThanOrEqual(again.startedAt! + 1_000);
    await advance(1_000);
    const touched = await setRow(store, id, change("a", { status: "succeeded", fence: 2, generation: 1 }));
    expect(touched.finishedAt).toBe(ended.finishedAt);
    expect((await setRow(store, id, change("a", { status: "ready", fence: 3 }))).finishedAt).toBeNull();
  });

  rule("a row that never ran has no `startedAt`; one that is stored with its end has", async ({ store }) => {
    const ends = ["skipped", "cancelled", "succeeded", "failed"] as const;
    const id = await stored(store, {
      nodes: [row("ready"), ...ends.map((status) => row(status, { status }))],
    });
    const times = await Promise.all(
      ["ready", ...ends].map(async (node) => {
        const { startedAt, finishedAt } = await rowOf(store, id, node);
        return [startedAt !== null, finishedAt !== null];
      }),
    );
    expect(times).toEqual([
      [false, false],
      [false, true],
      [false, true],
      [true, true],
      [true, true],
    ]);
  });

  rule("`due`: from the commit, at a time, kept, or none", async ({ store, advance }) => {
    const before = await store.now();
    const id = await stored(store, { nodes: [waiting("a", { inMs: 5_000 })] });
    const { dueAt } = await rowOf(store, id, "a");
    expect(dueAt).toBeGreaterThanOrEqual(before + 5_000);
    expect(dueAt).toBeLessThanOrEqual((await store.now()) + 5_000);
    await advance(1_000);
    const wait = { status: "waiting", waitingFor: "timer" } as const;
    expect((await setRow(store, id, change("a", { ...wait, due: "keep" }))).dueAt).toBe(dueAt);
    expect((await setRow(store, id, change("a", { ...wait, due: { at: 1_234.5 } }))).dueAt).toBe(1_235);
    expect((await setRow(store, id, change("a", { ...wait, due: { at: 2 ** 45 } }))).dueAt).toBe(2 ** 45);
    expect((await setRow(store, id, change("a", { ...wait, due: null }))).dueAt).toBeNull();
    expect((await setRow(store, id, change("a", { ...wait, due: "keep" }))).dueAt).toBeNull();
    expect((await setRow(store, id, waiting("new", "keep"))).dueAt).toBeNull();
  });
}

function attemptRules({ rule, expect }: Kit): void {
  rule("are recorded in order, with the times of the attempt", async ({ store, advance }) => {
    const id = await stored(store, { nodes: [running("a", "w"), row("b")] });
    const { startedAt } = await rowOf(store, id, "a");
    await advance(1_000);
    const first = attempt("a", { error: { class: "http", message: "502", status: 502 } });
    const retry = change("a", { status: "running", worker: "w", fence: 2, attempt: 2 });
    await moved(store, move(id, 1, { nodes: [retry], attempts: [first] }));
    const next = await rowOf(store, id, "a");
    await advance(1_000);
    const second = [attempt("a", { fence: 2, attempt: 2 }), attempt("b", { item: -1, fence: 0, attempt: 0 })];
    await moved(
      store,
      move(id, 2, { nodes: [change("a", { status: "failed", fence: 2 })], attempts: second }),
    );
    const { attempts } = (await store.run("acme", id))!;
    expect(attempts).toEqual([
      { ...first, startedAt, finishedAt: next.startedAt },
      { ...second[0], startedAt: next.startedAt, finishedAt: expect.any(Number) },
      { ...second[1], startedAt: null, finishedAt: attempts[1]!.finishedAt },
    ]);
    expect(attempts[1]!.finishedAt).toBeGreaterThanOrEqual(next.startedAt! + 1_000);
  });
}
