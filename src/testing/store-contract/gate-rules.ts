/** Gates: at most so many runs are under way at once, in the order of their starts, and no place is ever lost. */
import type { CommitEntry } from "../../core/ports/commit.ts";
import type { GateRef, GateWrite } from "../../core/ports/gates.ts";
import type { Store } from "../../core/ports/store.ts";
import { loaded, message, move, moved, newId, newRun, row, seqOf, start, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";

type Enter = Extract<GateWrite, { type: "enter" }>;

const gate = (changes: Partial<GateRef> = {}): GateRef => ({
  workspace: WORKSPACE,
  workflow: "checkout",
  key: "k",
  ...changes,
});

function entering(as: Enter["as"], changes: Partial<Enter & CommitEntry> = {}): CommitEntry {
  const { limit = 1, onLimit = "queue", at, workspace, workflow, key, type: _, as: _as, ...entry } = changes;
  const place = gate(
    Object.fromEntries(Object.entries({ workspace, workflow, key }).filter(([, v]) => v !== undefined)),
  );
  const write: Enter = { type: "enter", ...place, limit, onLimit, as, ...(at === undefined ? {} : { at }) };
  return start(newId(), { gate: write, status: as === "wait" ? "queued" : "running", ...entry });
}

const take = (changes?: Partial<Enter & CommitEntry>): CommitEntry => entering("take", changes);
const wait = (changes?: Partial<Enter & CommitEntry>): CommitEntry => entering("wait", changes);

async function ends(store: Store, { runId }: CommitEntry, changes: Partial<CommitEntry> = {}): Promise<void> {
  const end = { status: "succeeded", finished: true, gate: { type: "leave" } } as const;
  const { inbox } = await loaded(store, runId);
  const consumed = inbox.map(({ id }) => id);
  await moved(store, move(runId, await seqOf(store, runId), { ...end, consumed, ...changes }));
}

async function kinds(store: Store, { runId }: CommitEntry): Promise<readonly string[]> {
  return (await loaded(store, runId)).inbox.map(({ body }) => body.kind);
}

const types = (verdicts: readonly { readonly type: string }[]): string[] => verdicts.map(({ type }) => type);

export function gateRules(kit: Kit): void {
  kit.describe("gates: places", () => placeRules(kit));
  kit.describe("gates: who waits", () => queueRules(kit));
  kit.describe("gates: who is told to end", () => oldestRules(kit));
}

function placeRules({ rule, expect }: Kit): void {
  rule(
    "as many starts as the limit says take a place, the next one is `full` and writes nothing",
    async ({ store, second }) => {
      const [a, b, c] = [take({ limit: 2 }), take({ limit: 2 }), take({ limit: 2 })];
      expect(types(await store.commit([a]))).toEqual(["committed"]);
      expect(types(await second.commit([b]))).toEqual(["committed"]);
      expect(await store.commit([c])).toEqual([{ type: "full" }]);
      expect(await store.load([{ runId: c.runId }])).toEqual([null]);
    },
  );

  rule("in one batch too, beside others", async ({ store }) => {
    const batch = [take(), start(newId()), take(), take({ key: "l" })];
    const verdicts = types(await store.commit(batch));
    expect(verdicts.filter((type) => type === "full")).toHaveLength(1);
    expect([verdicts[1], verdicts[3]]).toEqual(["committed", "committed"]);
  });

  rule(
    "gates of other workspaces, workflows and keys are other gates, whatever they hold",
    async ({ store }) => {
      const all = [
        take(),
        take({ workspace: "other" }),
        take({ workflow: "refund" }),
        take({ key: "" }),
        take({ workflow: "a", key: "b c" }),
        take({ workflow: "a b", key: "c" }),
        take({ key: "'\"\\ k" }),
      ];
      expect(new Set(types(await store.commit(all)))).toEqual(new Set(["committed"]));
    },
  );

  rule("who comes to rest leaves its place in the same commit", async ({ store }) => {
    const first = take();
    await moved(store, first);
    await ends(store, first);
    await moved(store, take());
  });

  rule("a run that ends in the commit that starts it needs a place, and keeps none", async ({ store }) => {
    const brief = { status: "succeeded", finished: true } as const;
    await moved(store, take(brief));
    await moved(store, take());
    expect(types(await store.commit([take(brief)]))).toEqual(["full"]);
  });

  rule("who goes on after a rest has a place beyond the limit, which counts", async ({ store }) => {
    const [first, second] = [take(), take()];
    await moved(store, first);
    await ends(store, first, { status: "failed", deadLetters: 1 });
    await moved(store, second);
    const over = { ...take().gate, as: "over" } as GateWrite;
    await moved(store, move(first.runId, await seqOf(store, first.runId), { gate: over }));
    await ends(store, second);
    expect(types(await store.commit([take()]))).toEqual(["full"]);
    await ends(store, first);
    await moved(store, take());
  });

  rule("a start that cannot be written leaves its place free", async ({ store }) => {
    const poison = take({ nodes: [row("a"), row("a")] });
    expect(types(await store.commit([poison]))).toEqual(["failed"]);
    await moved(store, take());
  });

  rule("a start that is `full` leaves its key free", async ({ store }) => {
    await moved(store, take());
    const key = { scope: "start", key: "s", fingerprint: "f" };
    const entry = take({ start: newRun({ key }) });
    expect(await store.commit([entry])).toEqual([{ type: "full" }]);
    expect(await store.key({ ...key, workspace: WORKSPACE })).toBeNull();
  });

  rule("a start whose key is `taken` leaves its place free", async ({ store }) => {
    const key = { scope: "start", key: "s", fingerprint: "f" };
    await moved(store, start(newId(), { start: newRun({ key }) }));
    expect(await store.commit([take({ start: newRun({ key }) })])).toEqual([{ type: "taken" }]);
    await moved(store, take());
  });

  rule("fifty at once over two connections: exactly as many as the limit says", async ({ store, second }) => {
    const verdicts = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const entry = take({ limit: 3 });
        for (;;) {
          const [verdict] = await (index % 2 ? store : second).commit([entry]);
          if (verdict!.type !== "locked") return verdict!.type;
        }
      }),
    );
    expect(verdicts.filter((type) => type === "committed")).toHaveLength(3);
    expect(verdicts.filter((type) => type === "full")).toHaveLength(47);
  });
}

function queueRules({ rule, expect }: Kit): void {
  rule("they come in as places are free, in the order of their starts", async ({ store, advance }) => {
    const first = take();
    await moved(store, first);
    const queue = [];
    for (let n = 0; n < 3; n++) {
      await advance(1_000);
      queue.push(wait());
      await moved(store, queue[n]!);
    }
    expect(await store.admit([gate()])).toEqual({ told: [], busy: [] });
    for (const [n, next] of queue.entries()) {
      await ends(store, n === 0 ? first : queue[n - 1]!);
      expect((await store.admit([gate()])).told).toEqual([next.runId]);
      expect(await kinds(store, next)).toEqual(["admitted"]);
      expect((await loaded(store, next.runId)).header.seq).toBe(2);
    }
    expect((await store.admit([gate()])).told).toEqual([]);
  });

  rule("while somebody waits, nobody takes a place that is free", async ({ store }) => {
    const first = take();
    await moved(store, first);
    await moved(store, wait());
    await ends(store, first);
    expect(types(await store.commit([take()]))).toEqual(["full"]);
  });

  rule(
    "who waits for its time lets others by, and comes after those who came before that time",
    async ({ store, advance }) => {
      const now = await store.now();
      const [delayed, other] = [wait({ at: now + 60_000 }), wait()];
      await moved(store, delayed);
      const first = take();
      await moved(store, first);
      await moved(store, other);
      await ends(store, first);
      expect((await store.admit([gate()])).told).toEqual([other.runId]);
      await ends(store, other);
      expect((await store.admit([gate()])).told).toEqual([]);
      expect(await store.waitingGates({ limit: 10 })).toEqual([]);
      await advance(60_000);
      expect(await store.waitingGates({ limit: 10 })).toEqual([gate()]);
      expect((await store.admit([gate()])).told).toEqual([delayed.runId]);
    },
  );

  rule("who was cancelled while it waited is not let in", async ({ store, advance }) => {
    const [first, gone, next] = [take(), wait(), wait()];
    for (const entry of [first, gone, next]) {
      await moved(store, entry);
      await advance(1_000);
    }
    await ends(store, gone, { status: "cancelled", cancelled: true });
    await ends(store, first);
    expect((await store.admit([gate()])).told).toEqual([next.runId]);
  });

  rule("the limit is that of who came last", async ({ store, advance }) => {
    const holders = [take({ limit: 2 }), take({ limit: 2 })];
    for (const holder of holders) await moved(store, holder);
    const waiters = [wait({ limit: 2 }), wait({ limit: 4 }), wait({ limit: 1 })];
    for (const waiter of waiters.slice(0, 2)) {
      await advance(1_000);
      await moved(store, waiter);
    }
    expect((await store.admit([gate()])).told.toSorted()).toEqual(
      [waiters[0]!.runId, waiters[1]!.runId].toSorted(),
    );
    await advance(1_000);
    await moved(store, waiters[2]!);
    for (const runner of [...holders, waiters[0]!]) {
      await ends(store, runner);
      expect((await store.admit([gate()])).told).toEqual([]);
    }
    await ends(store, waiters[1]!);
    expect((await store.admit([gate()])).told).toEqual([waiters[2]!.runId]);
  });

  rule("several gates at once, and pages of those where somebody waits", async ({ store }) => {
    const keys = ["a", "b", "c"];
    for (const key of keys)
      for (const entry of [take({ key }), wait({ key }), wait({ key })]) await moved(store, entry);
    const pages: GateRef[] = [];
    for (let page = await store.waitingGates({ limit: 2 }); page.length > 0;) {
      pages.push(...page);
      page = await store.waitingGates({ after: page.at(-1)!, limit: 2 });
    }
    expect(pages.map(({ key }) => key).toSorted()).toEqual(keys);
    const other = take({ key: "d" });
    await moved(store, other);
    expect(await store.admit([gate({ key: "a" }), gate({ key: "d" }), gate({ key: "none" })])).toEqual({
      told: [],
      busy: [],
    });
  });

  rule("two that let in at once give no place twice", async ({ store, second }) => {
    const holders = [take({ limit: 3 }), take({ limit: 3 }), take({ limit: 3 })];
    for (const holder of holders) await moved(store, holder);
    for (let n = 0; n < 10; n++) await moved(store, wait({ limit: 3 }));
    for (const holder of holders) await ends(store, holder);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => (index % 2 ? store : second).admit([gate()])),
    );
    const told = answers.flatMap((answer) => answer.told);
    expect(new Set(told).size).toBe(3);
    expect(told).toHaveLength(3);
  });
}

function oldestRules({ rule, expect }: Kit): void {
  rule(
    "the oldest is told to end, once, and the new one comes in when it has",
    async ({ store, advance }) => {
      const [old, next] = [take({ onLimit: "cancelOldest" }), wait({ onLimit: "cancelOldest" })];
      await moved(store, old);
      await advance(1_000);
      await moved(store, next);
      expect((await store.admit([gate()])).told).toEqual([old.runId]);
      expect(await kinds(store, old)).toEqual(["cancel"]);
      expect((await store.admit([gate()])).told).toEqual([]);
      expect(await kinds(store, next)).toEqual([]);
      await ends(store, old, { status: "cancelled", cancelled: true });
      expect((await store.admit([gate()])).told).toEqual([next.runId]);
      expect(await kinds(store, next)).toEqual(["admitted"]);
    },
  );

  rule("also one that still waits itself: those who came last stay", async ({ store, advance }) => {
    const all = [take({ limit: 2 }), take({ limit: 2 })];
    for (let n = 0; n < 3; n++) all.push(wait({ limit: 2, onLimit: "cancelOldest" }));
    for (const entry of all) {
      await moved(store, entry);
      await advance(1_000);
    }
    const { told } = await store.admit([gate()]);
    expect(told.toSorted()).toEqual(
      all
        .slice(0, 3)
        .map(({ runId }) => runId)
        .toSorted(),
    );
    for (const entry of all.slice(3)) expect(await kinds(store, entry)).toEqual([]);
  });

  rule(
    "a run that ended before it was told has no message, and who rests takes none",
    async ({ store, advance }) => {
      const [old, next] = [take({ onLimit: "cancelOldest" }), wait({ onLimit: "cancelOldest" })];
      await moved(store, old);
      await advance(1_000);
      await moved(store, next);
      await ends(store, old);
      expect((await store.admit([gate()])).told).toEqual([next.runId]);
      expect(await store.append([message(old.runId, "m")])).toEqual(["finished_run"]);
    },
  );
}
