/** What the store's contract cannot say about commits on PostgreSQL: strangers, poison, and many committers at once. */
import { describe, expect, test } from "vitest";
import type { Verdict } from "../../../src/core/ports/commit.ts";
import type { PostgresStore } from "../../../src/postgres/store.ts";
import { entry, nodeWrite, startEntry, startRuns, testStore } from "./fixtures.ts";

const types = (verdicts: readonly Verdict[]): readonly string[] => verdicts.map((verdict) => verdict.type);

describe("many committers", () => {
  test("every commit of two stores on 40 hot runs moves one seq by one", { timeout: 30_000 }, async () => {
    await using context = await testStore();
    const { store, database } = context;
    const runs = await startRuns(store, 40);
    const until = performance.now() + 3_000;
    const committers = [store, context.another()].flatMap((one) =>
      [1, 2, 3].map(() => hammer(one, runs, until)),
    );
    const appender = append(store, runs, until);
    const counts = await Promise.all(committers);
    const appended = await appender;

    const commits = counts.reduce((sum, count) => sum + count.committed, 0);
    const [row] = await database.query<{ sum: string }>("select sum(seq) from flowforge.runs");
    expect(Number(row!.sum)).toBe(runs.length + commits + appended);
    expect(commits).toBeGreaterThan(500);
    expect(counts.reduce((sum, count) => sum + count.refused, 0)).toBeGreaterThan(0);
    // Each commit set its node's attempt to the seq that it made: the row and the counter moved together.
    const torn = await database.query(
      `select 1 from flowforge.node_runs n join flowforge.runs r on r.id = n.run_id
       where n.attempt <> n.seq or n.seq > r.seq`,
    );
    expect(torn).toEqual([]);
  });

  async function hammer(store: PostgresStore, runs: readonly string[], until: number) {
    const seqs = new Map(runs.map((id) => [id, 1]));
    const count = { committed: 0, refused: 0 };
    while (performance.now() < until) {
      const batch = runs.filter(() => Math.random() < 0.3);
      const verdicts = await store.commit(batch.map((id) => step(id, seqs.get(id)!)));
      const moved = batch.filter((_, index) => verdicts[index]!.type === "moved");
      verdicts.forEach((verdict, index) => {
        if (verdict.type === "committed") {
          count.committed++;
          seqs.set(batch[index]!, verdict.seq);
        } else count.refused++;
      });
      for (const run of await store.load(moved.map((runId) => ({ runId }))))
        seqs.set(run!.header.id, run!.header.seq);
    }
    return count;
  }

  function step(id: string, seq: number) {
    return entry(id, seq, { nodes: [nodeWrite("a", { isNew: false, attempt: seq + 1 })] });
  }

  async function append(store: PostgresStore, runs: readonly string[], until: number): Promise<number> {
    let stored = 0;
    for (let n = 0; performance.now() < until; n++) {
      const messages = [1, 2].map((i) => ({
        runId: runs[(n * 7 + i) % runs.length]!,
        id: `${n}-${i}`,
        body: { kind: "pause" } as const,
      }));
      stored += (await store.append(messages)).filter((result) => result === "stored").length;
    }
    return stored;
  }
});

describe("strangers", () => {
  test("a run whose row is locked by an open transaction is `locked`, and nobody waits for it", async () => {
    await using context = await testStore();
    const { store, database } = context;
    const [a, b, c] = (await startRuns(store, 3)) as [string, string, string];
    const stranger = await database.pool().connect();
    await stranger.query("begin");
    await stranger.query("select 1 from flowforge.runs where id = $1 for update", [b]);
    const at = performance.now();
    expect(types(await store.commit([entry(a, 1), entry(b, 1), entry(c, 1)]))).toEqual([
      "committed",
      "locked",
      "committed",
    ]);
    expect(types(await store.commit([entry(a, 2), entry(b, 9)]))).toEqual(["committed", "moved"]);
    expect(performance.now() - at).toBeLessThan(90);
    await stranger.query("rollback");
    expect(types(await store.commit([entry(b, 1)]))).toEqual(["committed"]);
    stranger.release();
  });

  test("a start whose id is being inserted elsewhere holds up neither the batch nor its neighbours", async () => {
    await using context = await testStore();
    const { store, database } = context;
    const [before] = await startRuns(store, 1);
    const twin = startEntry();
    const stranger = await database.pool().connect();
    await stranger.query("begin");
    await stranger.query(
      `insert into flowforge.runs (id, seq, created_at, version, status, workspace, workflow, trigger, labels, input)
       values ($1, 1, 0, 1, 'running', 'w', 'f', 't', '{}', '{}')`,
      [twin.runId],
    );
    const at = performance.now();
    const verdicts = await store.commit([startEntry(), twin, startEntry(), entry(before!, 1)]);
    expect(types(verdicts)).toEqual(["committed", "locked", "committed", "committed"]);
    expect(performance.now() - at).toBeLessThan(2_000);
    await stranger.query("commit");
    expect(types(await store.commit([twin]))).toEqual(["moved"]);
    stranger.release();
  });
});

describe("poison", () => {
  test.each([
    ["a NUL in a text column", { nodes: [nodeWrite("b\0")] }],
    ["a number that overflows", { deadLetters: 2 ** 31 }],
    ["a due time that is none", { nodes: [nodeWrite("b", { due: { at: Number.NaN } })] }],
    [
      "a due time beyond bigint",
      { nodes: [nodeWrite("b", { due: { inMs: Number.MAX_SAFE_INTEGER } }), nodeWrite("a")] },
    ],
    ["a row that is there already", { nodes: [nodeWrite("a")] }],
    ["a row that is not there", { nodes: [nodeWrite("b", { isNew: false })] }],
    ["a row twice", { nodes: [nodeWrite("a", { isNew: false }), nodeWrite("a", { isNew: false })] }],
  ])("%s fails alone", async (_, poison) => {
    await using context = await testStore();
    const { store, database } = context;
    const runs = await startRuns(store, 9);
    const verdicts = await store.commit(runs.map((id, index) => entry(id, 1, index === 4 ? poison : {})));
    expect(types(verdicts)).toEqual(runs.map((_id, index) => (index === 4 ? "failed" : "committed")));
    const rows = await database.query<{ seq: string }>("select seq from flowforge.runs where id = $1", [
      runs[4],
    ]);
    expect(rows).toEqual([{ seq: "1" }]);
    expect(await database.query("select 1 from flowforge.node_runs where node <> 'a'")).toEqual([]);
  });

  test("a poisoned start fails alone", async () => {
    await using context = await testStore();
    const good = [startEntry(), startEntry(), startEntry()];
    const bad = startEntry();
    const poisoned = { ...bad, start: { ...bad.start!, workflow: "\0" } };
    expect(types(await context.store.commit([good[0]!, poisoned, good[1]!, good[2]!]))).toEqual([
      "committed",
      "failed",
      "committed",
      "committed",
    ]);
  });
});
