/** Keys of actions: of any number of node runs, in any number of runs, one holds a key; what it gave is there for all others. */
import type { ActionKeyRef, ActionKeyWrite } from "../../core/ports/action-keys.ts";
import { KEY_WAITER_MS } from "../../core/ports/action-keys.ts";
import type { CommitEntry } from "../../core/ports/commit.ts";
import { KEY_KEEP_MS } from "../../core/ports/keys.ts";
import type { Store } from "../../core/ports/store.ts";
import {
  change,
  move,
  moved,
  newId,
  newRun,
  row,
  rowOf,
  running,
  seqOf,
  start,
  stored,
  WORKSPACE,
} from "./entries.ts";
import type { Kit } from "./kit.ts";

const FINGERPRINT = "f";

const ref = (key: string, changes: Partial<ActionKeyRef> = {}): ActionKeyRef => ({
  workspace: WORKSPACE,
  action: "charge",
  key,
  ...changes,
});

function claim(key: string, node = "a"): ActionKeyWrite {
  return { type: "claim", node, fingerprint: FINGERPRINT, ...ref(key) };
}

function wait(key: string, fence = 3): ActionKeyWrite {
  return { type: "wait", node: "a", fence, ...ref(key) };
}

/** A run whose node `a` runs, and holds the key. */
function holds(store: Store, key: string): Promise<string> {
  return stored(store, { nodes: [running("a", "w")], actionKeys: [claim(key)] });
}

async function settle(store: Store, runId: string, type: "done" | "free"): Promise<void> {
  const end = type === "done" ? ({ status: "succeeded", output: { id: 7 } } as const) : null;
  const nodes = [change("a", { ...(end ?? { status: "cancelled" }), fence: 1, attempt: 1 })];
  await moved(store, move(runId, await seqOf(store, runId), { nodes, actionKeys: [{ type, node: "a" }] }));
}

async function asks(store: Store, runId: string, write: ActionKeyWrite): Promise<CommitEntry> {
  return move(runId, await seqOf(store, runId), { actionKeys: [write] });
}

export function actionKeyRules(kit: Kit): void {
  kit.describe("keys of actions: who has them", () => holderRules(kit));
  kit.describe("keys of actions: how they are settled", () => settledRules(kit));
  kit.describe("keys of actions: who waits for them", () => waiterRules(kit));
  kit.describe("keys of actions: how long they are kept", () => expiryRules(kit));
}

function holderRules({ rule, expect }: Kit): void {
  rule("a node takes a free key with its commit, and its run holds it", async ({ store, second }) => {
    expect(await store.actionKeys([ref("k")])).toEqual([null]);
    const runId = await holds(store, "k");
    const held = { state: "held", runId, node: "a", fingerprint: FINGERPRINT, result: null };
    expect(await second.actionKeys([ref("x"), ref("k"), ref("k")])).toEqual([null, held, held]);
    expect(
      await second.heldKeys([
        { runId, node: "b" },
        { runId, node: "a" },
      ]),
    ).toEqual([null, "k"]);
  });

  rule(
    "another one that takes it is `contended`, and nothing of its entry is written",
    async ({ store, second }) => {
      await holds(store, "k");
      const other = await stored(store);
      const entry = { ...(await asks(store, other, claim("k"))), nodes: [row("a")], finished: true };
      expect(await second.commit([entry])).toEqual([{ type: "contended" }]);
      expect((await store.load([{ runId: other }]))[0]).toMatchObject({
        nodes: [],
        header: { seq: 1, finishedAt: null },
      });
      const late = start(newId(), { nodes: [running("a", "w")], actionKeys: [claim("k")] });
      expect(await store.commit([late])).toEqual([{ type: "contended" }]);
      expect(await store.load([{ runId: late.runId }])).toEqual([null]);
    },
  );

  rule("keys of other workspaces and actions are other keys", async ({ store }) => {
    await holds(store, "k");
    for (const changes of [{ workspace: "other" }, { action: "refund" }, { key: "k " }]) {
      const write = { type: "claim", node: "a", fingerprint: "", ...ref("k"), ...changes } as const;
      await moved(store, start(newId(), { actionKeys: [write] }));
    }
  });

  rule("its holder takes it again, with another input too", async ({ store }) => {
    const runId = await holds(store, "k");
    const again = { ...claim("k"), fingerprint: "g" } as ActionKeyWrite;
    await moved(store, await asks(store, runId, again));
    expect((await store.actionKeys([ref("k")]))[0]).toMatchObject({ runId, fingerprint: "g" });
    // Another node of the same run is another one.
    expect(await store.commit([await asks(store, runId, claim("k", "b"))])).toEqual([{ type: "contended" }]);
  });

  rule("an entry that has moved, or cannot be written, takes no key", async ({ store }) => {
    const runId = await stored(store);
    expect(await store.commit([move(runId, 0, { actionKeys: [claim("k")] })])).toEqual([{ type: "moved" }]);
    const twice = move(runId, 1, { nodes: [row("a"), row("a")], actionKeys: [claim("k")] });
    expect((await store.commit([twice])).map(({ type }) => type)).toEqual(["failed"]);
    expect(await store.actionKeys([ref("k")])).toEqual([null]);
  });

  rule(
    "a start that is `contended` leaves its own key free, and one whose own key is taken claims none",
    async ({ store }) => {
      await holds(store, "k");
      const key = { scope: "start", key: "s", fingerprint: "f" };
      const starting = (write: ActionKeyWrite): CommitEntry =>
        start(newId(), { start: newRun({ key }), actionKeys: [write] });
      expect(await store.commit([starting(claim("k"))])).toEqual([{ type: "contended" }]);
      expect(await store.key({ ...key, workspace: WORKSPACE })).toBeNull();
      await moved(store, starting(claim("l")));
      expect((await store.commit([starting(claim("m"))])).map(({ type }) => type)).toEqual(["taken"]);
      expect(await store.actionKeys([ref("m")])).toEqual([null]);
      await moved(store, start(newId(), { actionKeys: [claim("m")] }));
    },
  );

  rule("in one batch: one of two with a key, and all others", async ({ store }) => {
    const entries = ["k", "k", "l"].map((key) => start(newId(), { actionKeys: [claim(key)] }));
    const verdicts = (await store.commit([...entries, start(newId())])).map(({ type }) => type);
    expect(verdicts.slice(0, 2).toSorted()).toEqual(["committed", "contended"]);
    expect(verdicts.slice(2)).toEqual(["committed", "committed"]);
  });

  rule("fifty at once over two connections: one has it", async ({ store, second }) => {
    const verdicts = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const entry = start(newId(), { actionKeys: [claim("k")] });
        for (;;) {
          const [verdict] = await (index % 2 === 0 ? store : second).commit([entry]);
          if (verdict!.type !== "locked") return verdict!.type;
        }
      }),
    );
    expect(verdicts.toSorted()).toEqual(["committed", ...Array<string>(49).fill("contended")]);
  });

  rule("on the locked path it is the same", async ({ store }) => {
    await holds(store, "k");
    const runId = await stored(store);
    const locked = await store.commitLocked({ runId }, async () =>
      move(runId, 1, { actionKeys: [claim("k")] }),
    );
    expect(locked).toEqual({ type: "contended" });
    const free = await store.commitLocked({ runId }, async () =>
      move(runId, 1, { actionKeys: [claim("l")] }),
    );
    expect(free).toEqual({ type: "committed", seq: 2 });
  });
}

function settledRules({ rule, expect }: Kit): void {
  rule("`done` keeps the output of the commit, and nobody can take it", async ({ store }) => {
    const runId = await holds(store, "k");
    await settle(store, runId, "done");
    expect(await store.actionKeys([ref("k")])).toEqual([
      { state: "done", runId, node: "a", fingerprint: FINGERPRINT, result: { id: 7 } },
    ]);
    expect(await store.heldKeys([{ runId, node: "a" }])).toEqual([null]);
    const other = await stored(store);
    expect(await store.commit([await asks(store, other, claim("k"))])).toEqual([{ type: "contended" }]);
  });

  rule("an output of any size is kept", async ({ store }) => {
    const output = "large ".repeat(50_000);
    const runId = await holds(store, "k");
    const nodes = [change("a", { status: "succeeded", fence: 1, attempt: 1, output })];
    await moved(store, move(runId, 1, { nodes, actionKeys: [{ type: "done", node: "a" }] }));
    expect((await store.actionKeys([ref("k")]))[0]!.result).toBe(output);
  });

  rule("`free` gives it to the next one", async ({ store }) => {
    await settle(store, await holds(store, "k"), "free");
    expect(await store.actionKeys([ref("k")])).toEqual([null]);
    const next = await holds(store, "k");
    expect((await store.actionKeys([ref("k")]))[0]).toMatchObject({ state: "held", runId: next });
  });

  rule("who does not hold a key settles nothing", async ({ store }) => {
    const holder = await holds(store, "k");
    const other = await stored(store, { nodes: [running("a", "w")] });
    await settle(store, other, "free");
    expect((await store.actionKeys([ref("k")]))[0]).toMatchObject({ state: "held", runId: holder });
    await settle(store, holder, "done");
    const { seq } = await rowOf(store, holder, "a");
    await moved(store, move(holder, seq, { actionKeys: [{ type: "free", node: "a" }] }));
    expect((await store.actionKeys([ref("k")]))[0]).toMatchObject({ state: "done" });
  });

  rule("an entry that has moved settles nothing", async ({ store }) => {
    const runId = await holds(store, "k");
    const late = move(runId, 0, { actionKeys: [{ type: "free", node: "a" }] });
    expect(await store.commit([late])).toEqual([{ type: "moved" }]);
    expect((await store.actionKeys([ref("k")]))[0]).toMatchObject({ state: "held" });
  });
}

function waiterRules({ rule, expect }: Kit): void {
  rule("nobody waits for the key of a run that is deleted", async ({ store, advance }) => {
    const elsewhere = { start: newRun({ workspace: "elsewhere" }) };
    await stored(store, { ...elsewhere, nodes: [running("a", "w")], actionKeys: [claim("k")] });
    const id = await stored(store, { nodes: [row("a")] });
    expect(await store.actionKeys([ref("k")])).toMatchObject([{ state: "held" }]);
    while ((await store.workspaces.erase("elsewhere", 100)).runs > 0);
    await advance(61_000);
    expect(await store.actionKeys([ref("k")])).toEqual([null]);
    expect(await store.commit([await asks(store, id, wait("k"))])).toEqual([{ type: "contended" }]);
  });

  rule("who waits is named once, when the key is settled", async ({ store, second }) => {
    const holder = await holds(store, "k");
    const waiters = [await stored(store), await stored(store)];
    for (const runId of waiters) await moved(store, await asks(store, runId, wait("k")));
    const owners = [{ runId: holder, node: "a" }];
    expect(await store.takeKeyWaiters(owners)).toEqual([]);
    await settle(store, holder, "done");
    const told = await second.takeKeyWaiters(owners);
    expect(told.map(({ runId }) => runId).toSorted()).toEqual(waiters.toSorted());
    expect(told[0]).toMatchObject({ node: "a", fence: 3 });
    expect(await store.takeKeyWaiters(owners)).toEqual([]);
  });

  rule("who waits anew is known by its last fence", async ({ store }) => {
    const holder = await holds(store, "k");
    const runId = await stored(store);
    for (const fence of [3, 5]) await moved(store, await asks(store, runId, wait("k", fence)));
    await settle(store, holder, "free");
    expect(await store.takeKeyWaiters([{ runId: holder, node: "a" }])).toEqual([
      { runId, node: "a", fence: 5 },
    ]);
  });

  rule(
    "nobody waits for a key that is free or done: `contended`, so that it looks again",
    async ({ store }) => {
      const holder = await holds(store, "k");
      const runId = await stored(store);
      expect(await store.commit([await asks(store, runId, wait("l"))])).toEqual([{ type: "contended" }]);
      await settle(store, holder, "done");
      expect(await store.commit([await asks(store, runId, wait("k"))])).toEqual([{ type: "contended" }]);
    },
  );

  rule(
    "of a settling and fifty that begin to wait at once, nobody is forgotten",
    async ({ store, second }) => {
      const holder = await holds(store, "k");
      const waiters = await Promise.all(Array.from({ length: 50 }, () => stored(store)));
      const owners = [{ runId: holder, node: "a" }];
      const waiting = waiters.map(async (runId, index) => {
        const entry = await asks(store, runId, wait("k"));
        const [verdict] = await (index % 2 === 0 ? store : second).commit([entry]);
        return verdict!.type === "committed" ? runId : null;
      });
      await settle(second, holder, "done");
      const told = await store.takeKeyWaiters(owners);
      const committed = (await Promise.all(waiting)).filter((runId) => runId !== null);
      expect(told.map(({ runId }) => runId).toSorted()).toEqual(committed.toSorted());
    },
  );
}

function expiryRules({ rule, expect }: Kit): void {
  rule("a key that is done is free after 30 days, and swept then", async ({ store, advance }) => {
    await settle(store, await holds(store, "k"), "done");
    await advance(KEY_KEEP_MS - 60_000);
    expect((await store.actionKeys([ref("k")]))[0]).toMatchObject({ state: "done" });
    expect(await store.expireActionKeys(10)).toBe(0);
    await advance(60_001);
    expect(await store.actionKeys([ref("k")])).toEqual([null]);
    expect(await store.expireActionKeys(10)).toBe(1);
    expect(await store.expireActionKeys(10)).toBe(0);
  });

  rule("a key that is held never ends while its run is there", async ({ store, advance }) => {
    const runId = await holds(store, "k");
    for (const looked of [1, 0, 1]) {
      if (looked > 0) await advance(KEY_KEEP_MS + 1);
      expect(await store.expireActionKeys(10)).toBe(looked);
      expect((await store.actionKeys([ref("k")]))[0]).toMatchObject({ state: "held", runId });
    }
  });

  rule("waiters that look no more are forgotten", async ({ store, advance }) => {
    const holder = await holds(store, "k");
    await moved(store, await asks(store, await stored(store), wait("k")));
    expect(await store.expireActionKeys(10)).toBe(0);
    await advance(KEY_WAITER_MS + 1);
    expect(await store.expireActionKeys(10)).toBe(1);
    await settle(store, holder, "free");
    expect(await store.takeKeyWaiters([{ runId: holder, node: "a" }])).toEqual([]);
  });
}
