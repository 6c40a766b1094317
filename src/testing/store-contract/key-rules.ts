/** Idempotency keys: of any number of starts with one key, one stores a run; the key is free again long after its end. */
import { type KeyRef, KEY_KEEP_MS } from "../../core/ports/keys.ts";
import type { CommitEntry } from "../../core/ports/commit.ts";
import type { Store } from "../../core/ports/store.ts";
import { loaded, move, moved, newId, newRun, row, seqOf, start, stored, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";

const SCOPE = "start";

function keyed(key: string, changes: Partial<KeyRef & { fingerprint: string }> = {}): CommitEntry {
  const { workspace = WORKSPACE, scope = SCOPE, fingerprint = "f" } = changes;
  return start(newId(), { start: newRun({ workspace, key: { scope, key, fingerprint } }) });
}

const ref = (key: string): KeyRef => ({ workspace: WORKSPACE, scope: SCOPE, key });
const types = (verdicts: readonly { readonly type: string }[]): string[] => verdicts.map(({ type }) => type);

async function end(store: Store, runId: string): Promise<void> {
  const entry = move(runId, await seqOf(store, runId), { status: "succeeded", finished: true });
  await moved(store, entry);
}

export function keyRules(kit: Kit): void {
  kit.describe("keys of starts: one run", () => oneRunRules(kit));
  kit.describe("keys of starts: when they are free again", () => expiryRules(kit));
}

function oneRunRules({ rule, expect }: Kit): void {
  rule("a start takes its key, another one with that key is `taken`", async ({ store, second }) => {
    const [first, other] = [keyed("k", { fingerprint: "one" }), keyed("k", { fingerprint: "two" })];
    expect(await store.key(ref("k"))).toBeNull();
    await moved(store, first);
    expect(await second.commit([other])).toEqual([{ type: "taken" }]);
    expect(await second.key(ref("k"))).toEqual({ runId: first.runId, fingerprint: "one" });
    expect(await store.load([{ runId: other.runId }])).toEqual([null]);
  });

  rule("keys of other workspaces and scopes are other keys, whatever they hold", async ({ store }) => {
    const all = [
      keyed("k"),
      keyed("k", { workspace: "other" }),
      keyed("k", { scope: "s" }),
      keyed("a", { scope: "b a" }),
      keyed("a a", { scope: "b" }),
      keyed("'\"\\ k"),
    ];
    expect(new Set(types(await store.commit(all)))).toEqual(new Set(["committed"]));
  });

  rule("the very same start again is `moved`, not `taken`", async ({ store }) => {
    const entry = keyed("k");
    await moved(store, entry);
    expect(await store.commit([entry])).toEqual([{ type: "moved" }]);
  });

  rule("in one batch: others are stored, and one of two with a key", async ({ store }) => {
    const [plain, a, b, c] = [start(newId()), keyed("k"), keyed("k"), keyed("l")];
    const before = await loaded(store, await stored(store));
    const batch = [plain, a, move(before.header.id, before.header.seq), b, c];
    const verdicts = types(await store.commit(batch));
    expect([verdicts[0], verdicts[2], verdicts[4]]).toEqual(["committed", "committed", "committed"]);
    expect([verdicts[1], verdicts[3]].filter((type) => type === "committed")).toHaveLength(1);
    // The other one comes again, as it does where it was `locked`.
    const loser = verdicts[1] === "committed" ? b : a;
    expect(types(await store.commit([loser]))).toEqual(["taken"]);
  });

  rule("a start that cannot be written leaves its key free", async ({ store }) => {
    const bad = keyed("k");
    const poison = { ...bad, nodes: [row("a"), row("a")] };
    expect(types(await store.commit([poison]))).toEqual(["failed"]);
    expect(await store.key(ref("k"))).toBeNull();
    await moved(store, keyed("k"));
  });

  rule("fifty at once over two connections: one run", async ({ store, second }) => {
    const entries = Array.from({ length: 50 }, () => keyed("k"));
    const committed = await Promise.all(
      entries.map(async (entry, index) => {
        for (;;) {
          const [verdict] = await (index % 2 ? store : second).commit([entry]);
          if (verdict!.type !== "locked") return verdict!.type === "committed" ? entry.runId : null;
        }
      }),
    );
    const winners = committed.filter((id) => id !== null);
    expect(winners).toHaveLength(1);
    expect(await store.key(ref("k"))).toMatchObject({ runId: winners[0] });
  });
}

function expiryRules({ rule, expect }: Kit): void {
  rule("a run that has not ended keeps its key for ever", async ({ store, advance }) => {
    const entry = keyed("k");
    await moved(store, entry);
    for (let round = 0; round < 2; round++) {
      await advance(KEY_KEEP_MS + 60_000);
      expect(await store.expireKeys(10)).toBe(1);
      expect(await store.expireKeys(10)).toBe(0);
      expect(await store.commit([keyed("k")])).toEqual([{ type: "taken" }]);
    }
    expect(await store.key(ref("k"))).toMatchObject({ runId: entry.runId });
  });

  rule(
    "a key is free so long after its run's end, before anybody deleted it too",
    async ({ store, advance }) => {
      const entry = keyed("k");
      await moved(store, entry);
      await advance(KEY_KEEP_MS);
      await end(store, entry.runId);
      await advance(KEY_KEEP_MS - 60_000);
      expect(await store.commit([keyed("k")])).toEqual([{ type: "taken" }]);
      await advance(120_000);
      expect(await store.key(ref("k"))).toBeNull();
      const next = keyed("k", { fingerprint: "next" });
      await moved(store, next);
      expect(await store.key(ref("k"))).toEqual({ runId: next.runId, fingerprint: "next" });
      expect(await store.expireKeys(10)).toBe(0);
    },
  );

  rule("what is over is deleted page by page, and nothing else", async ({ store, advance }) => {
    const entries = ["a", "b", "c"].map((key) => keyed(key));
    for (const entry of entries) await moved(store, entry);
    for (const { runId } of entries.slice(0, 2)) await end(store, runId);
    await advance(KEY_KEEP_MS + 60_000);
    expect([await store.expireKeys(2), await store.expireKeys(2), await store.expireKeys(2)]).toEqual([
      2, 1, 0,
    ]);
    expect(await Promise.all(["a", "b", "c"].map((key) => store.key(ref(key))))).toEqual([
      null,
      null,
      { runId: entries[2]!.runId, fingerprint: "f" },
    ]);
  });
}
