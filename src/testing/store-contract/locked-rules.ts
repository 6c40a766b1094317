/** The locked path: whoever decides under the run's lock is not overtaken, and so ends. */
import type { CommitEntry } from "../../core/ports/commit.ts";
import type { StoredRun } from "../../core/ports/stored-run.ts";
import { change, loaded, message, move, moved, newId, newRun, row, seqOf, start, stored } from "./entries.ts";
import type { Kit } from "./kit.ts";

/** A decision: the next state of whatever is there. */
function next(changes: Partial<CommitEntry> = {}): (run: StoredRun | null) => Promise<CommitEntry> {
  return async (run) => move(run!.header.id, run!.header.seq, changes);
}

export function lockedRules(kit: Kit): void {
  kit.describe("commitLocked: what it writes", () => writeRules(kit));
  kit.describe("commitLocked: what it keeps out", () => exclusionRules(kit));
}

function writeRules({ rule, expect }: Kit): void {
  rule(
    "shows the newest state, with what was asked for, and writes the decision",
    async ({ store, second }) => {
      const id = await stored(store, {
        start: newRun({ input: 1, triggerPayload: 2 }),
        nodes: [row("a", { output: 3 })],
      });
      await moved(second, move(id, 1, { nodes: [row("b")] }));
      await second.append([message(id, "m")]);
      let seen: StoredRun | null = null;
      const verdict = await store.commitLocked(
        { runId: id, since: 1, withInput: true, outputs: ["a"] },
        async (run) => {
          seen = run;
          return move(id, 3, { consumed: ["m"], nodes: [change("b", { status: "succeeded" })] });
        },
      );
      expect(verdict).toEqual({ type: "committed", seq: 4 });
      expect(seen).toMatchObject({
        header: { seq: 3 },
        nodes: [{ node: "b" }],
        inbox: [{ id: "m" }],
        input: 1,
        triggerPayload: 2,
      });
      expect(seen!).toHaveProperty("outputs", new Map([["a", 3]]));
      const after = await loaded(second, id);
      expect([after.header.seq, after.inbox, after.nodes.find(({ node }) => node === "b")?.status]).toEqual([
        4,
        [],
        "succeeded",
      ]);
    },
  );

  rule("a decision of `null` writes nothing", async ({ store }) => {
    const id = await stored(store);
    expect(await store.commitLocked({ runId: id }, async () => null)).toBeNull();
    await moved(store, move(id, 1));
  });

  rule("what a decision throws comes out, nothing is written, and the run is free", async ({ store }) => {
    const id = await stored(store);
    const error = new Error("boom");
    const failing = store.commitLocked({ runId: id }, async () => Promise.reject(error));
    await expect(failing).rejects.toBe(error);
    expect(await seqOf(store, id)).toBe(1);
    await moved(store, move(id, 1));
  });

  rule(
    "an entry for another seq is `moved`, one that cannot be written `failed`; nothing is written",
    async ({ store }) => {
      const id = await stored(store, { nodes: [row("a")] });
      const nodes = [change("a", { status: "failed" })];
      expect(await store.commitLocked({ runId: id }, async () => move(id, 2, { nodes }))).toEqual({
        type: "moved",
      });
      expect(await store.commitLocked({ runId: id }, async () => start(id))).toEqual({ type: "moved" });
      const poison = [...nodes, row("x", { due: { at: 1e300 } })];
      expect(await store.commitLocked({ runId: id }, next({ nodes: poison }))).toMatchObject({
        type: "failed",
      });
      expect(await store.commitLocked({ runId: id }, next({ nodes: [row("a")] }))).toMatchObject({
        type: "failed",
      });
      const after = await loaded(store, id);
      expect([after.header.seq, after.nodes.map(({ status }) => status)]).toEqual([1, ["ready"]]);
      expect(await store.commitLocked({ runId: id }, next({ nodes }))).toEqual({ type: "committed", seq: 2 });
    },
  );

  rule("an entry for another run is an error, and nothing is written", async ({ store }) => {
    const [a, b] = [await stored(store), await stored(store)];
    const wrong = store.commitLocked({ runId: a }, async () => move(b, 1));
    await expect(wrong).rejects.toMatchObject({ code: "internal" });
    expect([await seqOf(store, a), await seqOf(store, b)]).toEqual([1, 1]);
  });

  rule("a run that is not there is `null`; it may be started", async ({ store }) => {
    const id = newId();
    const seen: (StoredRun | null)[] = [];
    const look = async (run: StoredRun | null): Promise<null> => {
      seen.push(run);
      return null;
    };
    expect(await store.commitLocked({ runId: id }, look)).toBeNull();
    expect(await store.commitLocked({ runId: "no-uuid" }, look)).toBeNull();
    expect(seen).toEqual([null, null]);
    expect(await store.commitLocked({ runId: id }, async () => move(id, 1))).toEqual({ type: "gone" });
    expect(await store.commitLocked({ runId: id }, async () => start(id))).toEqual({
      type: "committed",
      seq: 1,
    });
  });
}

function exclusionRules({ rule, expect }: Kit): void {
  rule(
    "while it decides, commits of that run are `locked`, those of others are not",
    async ({ store, second }) => {
      const [id, other] = [await stored(store), await stored(store)];
      const during: unknown[] = [];
      const verdict = await store.commitLocked({ runId: id }, async (run) => {
        const batch = [move(id, 1, { output: "overtaken" }), move(other, 1), move(newId(), 1)];
        during.push(
          ...(await second.commit(batch)),
          ...(await second.commit([move(id, 7)])),
          ...(await second.commit([start(id)])),
        );
        return move(id, run!.header.seq, { output: "mine" });
      });
      expect(during.map((found) => (found as { type: string }).type)).toEqual([
        "locked",
        "committed",
        "gone",
        "moved",
        "moved",
      ]);
      expect(verdict).toEqual({ type: "committed", seq: 2 });
      expect((await store.run("acme", id))?.output).toBe("mine");
      await moved(second, move(id, 2));
    },
  );

  rule("while it decides, others see the run as it was", async ({ store, second }) => {
    const id = await stored(store, { nodes: [row("a")] });
    let during: StoredRun | null = null;
    await store.commitLocked({ runId: id }, async () => {
      during = await loaded(second, id);
      return move(id, 1, { nodes: [change("a", { status: "running", worker: "w" })] });
    });
    expect(during).toMatchObject({ header: { seq: 1 }, nodes: [{ status: "ready" }] });
  });

  rule("a message that comes while it decides waits, and counts after it", async ({ store, second }) => {
    const id = await stored(store);
    let sending: Promise<unknown> = Promise.resolve();
    const verdict = await store.commitLocked({ runId: id }, async () => {
      sending = second.append([message(id, "m")]);
      // A round trip, so that the message is under way.
      await store.now();
      return move(id, 1, { status: "waiting" });
    });
    expect(verdict).toEqual({ type: "committed", seq: 2 });
    expect(await sending).toEqual(["stored"]);
    const after = await loaded(store, id);
    expect([after.header.seq, after.header.status, after.inbox.length]).toEqual([3, "waiting", 1]);
  });

  rule(
    "many at once go one after the other, each on the state of the one before",
    async ({ store, second }) => {
      const id = await stored(store);
      const verdicts = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          (i % 2 ? store : second).commitLocked({ runId: id }, async (run) => {
            await store.now();
            return move(id, run!.header.seq, { deadLetters: run!.header.deadLetters + 1 });
          }),
        ),
      );
      const seqs = verdicts.map((verdict) => (verdict?.type === "committed" ? verdict.seq : -1));
      expect(seqs.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
      expect((await loaded(store, id)).header.deadLetters).toBe(20);
    },
  );

  rule("ends on a run that never stands still", async ({ store, second }) => {
    const id = await stored(store);
    let hot = true;
    let commits = 0;
    const heat = async (lane: number): Promise<void> => {
      for (let i = 0; hot; i++) {
        await second.append([message(id, `${lane}-${i}`)]);
        const seq = await seqOf(second, id);
        const consumed = [`${lane}-${i}`];
        const [verdict] = await second.commit([move(id, seq, { consumed })]);
        if (verdict?.type === "committed") commits++;
        commits++;
        // A store in memory answers within one turn of the event loop: the others shall have theirs.
        await new Promise(setImmediate);
      }
    };
    const heaters = [heat(0), heat(1)];
    for (let i = 0; i < 10; i++) {
      expect(await store.commitLocked({ runId: id }, next())).toMatchObject({ type: "committed" });
    }
    hot = false;
    await Promise.all(heaters);
    expect(await seqOf(store, id)).toBe(1 + 10 + commits);
  });
}
