/** Entries, verdicts, and the counter that everything hangs on. */
import type { CommitEntry, Verdict } from "../../core/ports/commit.ts";
import { change, loaded, move, moved, newId, newRun, row, seqOf, start, stored } from "./entries.ts";
import type { Kit } from "./kit.ts";

const types = (verdicts: readonly Verdict[]): string[] => verdicts.map((verdict) => verdict.type);

export function commitRules(kit: Kit): void {
  kit.describe("commit: starts", () => startRules(kit));
  kit.describe("commit: moves", () => moveRules(kit));
  kit.describe("commit: batches", () => batchRules(kit));
  kit.describe("commit: entries that cannot be written", () => poisonRules(kit));
}

function startRules({ rule, expect }: Kit): void {
  rule("creates the run and its rows, at seq 1", async ({ store }) => {
    const id = newId();
    const before = await store.now();
    const entry = start(id, {
      start: newRun({ labels: { tier: "gold" }, version: 3 }),
      nodes: [row("a"), row("b")],
    });
    expect(await store.commit([entry])).toEqual([{ type: "committed", seq: 1 }]);
    const after = await store.now();
    const { header, nodes, inbox } = await loaded(store, id);
    const { createdAt, startedAt, ...rest } = header;
    expect(rest).toEqual({
      id,
      workspace: "acme",
      workflow: "checkout",
      version: 3,
      trigger: "start",
      rerunOf: null,
      parent: null,
      labels: { tier: "gold" },
      status: "running",
      paused: false,
      cancelled: false,
      compensate: false,
      seq: 1,
      deadLetters: 0,
      finishedAt: null,
    });
    expect(createdAt).toBeGreaterThanOrEqual(before);
    expect(createdAt).toBeLessThanOrEqual(after);
    expect(startedAt).toBe(createdAt);
    expect(
      nodes
        .map(({ node, seq, status }) => ({ node, seq, status }))
        .sort((a, b) => (a.node < b.node ? -1 : 1)),
    ).toEqual([
      { node: "a", seq: 1, status: "ready" },
      { node: "b", seq: 1, status: "ready" },
    ]);
    expect(inbox).toEqual([]);
  });

  rule("answers `moved` where the run exists, and changes nothing", async ({ store, second }) => {
    const id = newId();
    const entry = start(id, { nodes: [row("a")] });
    expect(types(await store.commit([entry]))).toEqual(["committed"]);
    expect(types(await second.commit([entry]))).toEqual(["moved"]);
    const other = start(id, { start: newRun({ workflow: "other" }), nodes: [row("b")] });
    expect(types(await store.commit([other]))).toEqual(["moved"]);
    const { header, nodes } = await loaded(store, id);
    expect({ seq: header.seq, workflow: header.workflow }).toEqual({ seq: 1, workflow: "checkout" });
    expect(nodes.map(({ node }) => node)).toEqual(["a"]);
  });

  rule("two starts of one run at once: one run", async ({ store, second }) => {
    const ids = Array.from({ length: 20 }, newId);
    const pairs = await Promise.all(
      ids.flatMap((id) => [store.commit([start(id)]), second.commit([start(id)])]),
    );
    for (let i = 0; i < pairs.length; i += 2) {
      const both = [...types(pairs[i]!), ...types(pairs[i + 1]!)];
      expect(both.filter((type) => type === "committed")).toHaveLength(1);
      expect(both.every((type) => ["committed", "moved", "locked"].includes(type))).toBe(true);
    }
    expect(await Promise.all(ids.map((id) => seqOf(store, id)))).toEqual(ids.map(() => 1));
  });

  rule("a run that starts `queued` has not begun", async ({ store }) => {
    const id = await stored(store, { status: "queued", nodes: [row("a")] });
    expect((await loaded(store, id)).header.startedAt).toBeNull();
    await moved(store, move(id, 1, { status: "running" }));
    const { startedAt } = (await loaded(store, id)).header;
    expect(startedAt).not.toBeNull();
    await moved(store, move(id, 2, { status: "queued" }));
    expect((await loaded(store, id)).header.startedAt).toBe(startedAt);
  });

  rule("an id that is no UUID belongs to no run", async ({ store }) => {
    const id = await stored(store);
    expect(types(await store.commit([start("run-1"), move("run-2", 1), move(id, 1)]))).toEqual([
      "failed",
      "gone",
      "committed",
    ]);
    expect(await store.load([{ runId: "run-1" }, { runId: "" }])).toEqual([null, null]);
    expect(await store.append([{ runId: "run-1", id: "m", body: { kind: "cancel" } }])).toEqual([
      "unknown_run",
    ]);
    expect(await store.run("acme", "run-1")).toBeNull();
    expect(await store.inputs([{ runId: "run-1", node: "a", item: -1, fence: 1 }])).toEqual([undefined]);
  });
}

function moveRules({ rule, expect }: Kit): void {
  rule("raises seq by one", async ({ store, second }) => {
    const id = await stored(store);
    for (let seq = 1; seq < 6; seq++) {
      const [verdict] = await (seq % 2 ? store : second).commit([move(id, seq)]);
      expect(verdict).toEqual({ type: "committed", seq: seq + 1 });
    }
    expect(await seqOf(store, id)).toBe(6);
  });

  rule("writes the run's state", async ({ store }) => {
    const id = await stored(store);
    const state = { status: "cancelling", paused: true, cancelled: true, deadLetters: 2 } as const;
    await moved(store, move(id, 1, state));
    expect((await loaded(store, id)).header).toMatchObject(state);
    await moved(store, move(id, 2));
    const back = { status: "running", paused: false, cancelled: false, deadLetters: 0 };
    expect((await loaded(store, id)).header).toMatchObject(back);
  });

  rule("keeps it in mind that a run is compensated, from its start or later", async ({ store }) => {
    const [early, late, other] = [
      await stored(store, { compensate: true }),
      await stored(store),
      await stored(store),
    ];
    await moved(store, move(early, 1, { compensate: true }));
    await moved(store, move(late, 1, { compensate: true }));
    await moved(store, move(other, 1));
    const found = await Promise.all([early, late, other].map((id) => loaded(store, id)));
    expect(found.map(({ header }) => header.compensate)).toEqual([true, true, false]);
    expect((await store.run("acme", late))?.header.compensate).toBe(true);
  });

  rule("on another seq: `moved`, and nothing is written", async ({ store }) => {
    const id = await stored(store, { nodes: [row("a")] });
    await moved(store, move(id, 1));
    const before = [await loaded(store, id), await store.run("acme", id)];
    for (const seq of [0, 1, 3, 1_000]) {
      const entry = move(id, seq, {
        status: "failed",
        finished: true,
        output: "wrong",
        nodes: [change("a", { status: "failed", output: "wrong" }), row("b")],
        attempts: [{ node: "a", item: -1, fence: 1, attempt: 1, error: { class: "x", message: "wrong" } }],
      });
      expect(await store.commit([entry])).toEqual([{ type: "moved" }]);
    }
    expect([await loaded(store, id), await store.run("acme", id)]).toEqual(before);
  });

  rule("on a run that is not there: `gone`", async ({ store }) => {
    expect(await store.commit([move(newId(), 1, { nodes: [row("a")] })])).toEqual([{ type: "gone" }]);
  });

  rule(
    "`finished` sets the time of the end, keeps it, and a redrive clears it",
    async ({ store, advance }) => {
      const id = await stored(store);
      await moved(store, move(id, 1, { status: "failed", finished: true }));
      const first = (await loaded(store, id)).header.finishedAt;
      expect(first).not.toBeNull();
      await advance(60_000);
      await moved(store, move(id, 2, { status: "failed", finished: true }));
      expect((await loaded(store, id)).header.finishedAt).toBe(first);
      await moved(store, move(id, 3));
      expect((await loaded(store, id)).header.finishedAt).toBeNull();
      await moved(store, move(id, 4, { status: "succeeded", finished: true }));
      expect((await loaded(store, id)).header.finishedAt).toBeGreaterThanOrEqual(first! + 60_000);
    },
  );

  rule("keeps the run's output unless another is given", async ({ store }) => {
    const output = async (): Promise<unknown> => (await store.run("acme", id))?.output;
    const id = await stored(store);
    expect(await output()).toBeUndefined();
    await moved(store, move(id, 1, { output: { ok: true } }));
    await moved(store, move(id, 2));
    expect(await output()).toEqual({ ok: true });
    await moved(store, move(id, 3, { output: null }));
    expect(await output()).toBeNull();
  });
}

function batchRules({ rule, expect }: Kit): void {
  rule("an empty batch has no verdicts", async ({ store }) => {
    expect(await store.commit([])).toEqual([]);
  });

  rule("mixed verdicts come in order, and only the committed entries are written", async ({ store }) => {
    const [a, b, c] = [await stored(store), await stored(store), await stored(store)];
    const [fresh, unknown] = [newId(), newId()];
    await moved(store, move(b, 1));
    const nodes = [row("n", { output: 1 })];
    const verdicts = await store.commit([
      move(unknown, 1, { nodes }),
      move(a, 1, { nodes }),
      start(c, { nodes }),
      move(b, 1, { nodes }),
      start(fresh, { nodes }),
    ]);
    expect(types(verdicts)).toEqual(["gone", "committed", "moved", "moved", "committed"]);
    const runs = await store.load([a, b, c, fresh, unknown].map((runId) => ({ runId })));
    expect(runs.map((run) => run && [run.header.seq, run.nodes.length])).toEqual([
      [2, 1],
      [2, 0],
      [1, 0],
      [1, 1],
      null,
    ]);
  });

  rule("a large batch of starts, then of moves", async ({ store }) => {
    const ids = Array.from({ length: 500 }, newId);
    const starts = await store.commit(ids.map((id) => start(id, { nodes: [row("a"), row("b")] })));
    expect(new Set(types(starts))).toEqual(new Set(["committed"]));
    const moves = await store.commit(
      ids.map((id) => move(id, 1, { nodes: [change("a", { status: "succeeded" })] })),
    );
    expect(moves.every((verdict) => verdict.type === "committed" && verdict.seq === 2)).toBe(true);
    const runs = await store.load(ids.map((runId) => ({ runId, since: 1 })));
    expect(runs.every((run, index) => run?.header.id === ids[index] && run?.nodes.length === 1)).toBe(true);
  });

  rule("the same run twice in one batch is refused as a whole", async ({ store }) => {
    const [a, b] = [await stored(store), await stored(store)];
    const batch = store.commit([move(b, 1), move(a, 1), move(a, 2)]);
    await expect(batch).rejects.toMatchObject({ code: "internal" });
    expect([await seqOf(store, a), await seqOf(store, b)]).toEqual([1, 1]);
  });

  rule("what the caller changes afterwards does not reach the store", async ({ store }) => {
    const id = newId();
    const input = { list: [1] };
    const labels = { a: "1" };
    const output = { list: [2] };
    const entry = start(id, { start: newRun({ input, labels }), nodes: [row("n", { output })] });
    const done = store.commit([entry]);
    await done;
    input.list.push(9);
    labels.a = "9";
    output.list.push(9);
    const read = (): Promise<unknown> =>
      store
        .load([{ runId: id, withInput: true, outputs: ["n"] }])
        .then(([run]) => [run?.input, run?.header.labels, run?.outputs.get("n")]);
    const first = (await read()) as [{ list: number[] }, unknown, { list: number[] }];
    expect(first).toEqual([{ list: [1] }, { a: "1" }, { list: [2] }]);
    first[0].list.push(8);
    first[2].list.push(8);
    expect(await read()).toEqual([{ list: [1] }, { a: "1" }, { list: [2] }]);
  });
}

/** Each makes an entry that cannot be written, of one that could. */
const POISONS: { readonly [what: string]: (entry: CommitEntry) => CommitEntry } = {
  "a due time out of range": (entry) => ({ ...entry, nodes: [row("x", { due: { at: 1e300 } })] }),
  "a delay out of range": (entry) => ({ ...entry, nodes: [row("x", { due: { inMs: Infinity } })] }),
  "a due time that is none": (entry) => ({ ...entry, nodes: [row("x", { due: { at: NaN } })] }),
  "a change of a row that is not there": (entry) => ({ ...entry, nodes: [row("y"), change("x", {})] }),
  "a new row that is there": (entry) => ({ ...entry, nodes: [row("y"), row("old")] }),
  "a new row twice": (entry) => ({ ...entry, nodes: [row("x"), row("x")] }),
  "a changed row twice": (entry) => ({ ...entry, nodes: [change("old", {}), change("old", {})] }),
  "a NUL in a name": (entry) => ({ ...entry, nodes: [row("x", { outcome: "a\0b" })] }),
};

function poisonRules({ rule, expect }: Kit): void {
  for (const [what, poison] of Object.entries(POISONS)) {
    rule(`${what} fails its entry alone`, async ({ store }) => {
      const ids = await Promise.all(Array.from({ length: 7 }, () => stored(store, { nodes: [row("old")] })));
      const bad = ids[4]!;
      const before = await store.run("acme", bad);
      const verdicts = await store.commit(
        ids.map((id) => {
          const entry = move(id, 1, { status: "waiting", output: 1, nodes: [row("z")] });
          return id === bad ? poison(entry) : entry;
        }),
      );
      expect(types(verdicts)).toEqual(ids.map((id) => (id === bad ? "failed" : "committed")));
      expect(verdicts[4]).toHaveProperty("error");
      expect(await store.run("acme", bad)).toEqual(before);
      expect(await Promise.all(ids.map((id) => seqOf(store, id)))).toEqual(
        ids.map((id) => (id === bad ? 1 : 2)),
      );
      await moved(store, move(bad, 1));
    });
  }

  rule("a start that cannot be written leaves no run behind", async ({ store }) => {
    const id = newId();
    const entry = start(id, { nodes: [row("a"), row("x", { due: { at: 1e300 } })] });
    expect(types(await store.commit([entry, start(newId())]))).toEqual(["failed", "committed"]);
    expect(await store.load([{ runId: id }])).toEqual([null]);
    expect(await store.undispatched(10)).toEqual([]);
    await moved(store, start(id));
  });
}
