/** Breakers: whoever changes one has seen what it is; what is parked behind one comes out once, the first first. */
import { type BreakerState, CLOSED } from "../../core/breaker/breaker.ts";
import type { BreakerKey, BreakerScope } from "../../core/breaker/key.ts";
import type { ParkedNode } from "../../core/ports/breakers.ts";
import type { Store } from "../../core/ports/store.ts";
import { newId } from "./entries.ts";
import type { Kit } from "./kit.ts";

const OPEN: BreakerState = { ...CLOSED, phase: "open", generation: 1, since: 5, openedAt: 5 };
const FITS = { lanes: ["default"], actions: ["charge"], limit: 100 };

function key(name: string, scope: BreakerScope = "target", workspace = "acme"): BreakerKey {
  return { workspace, scope, name };
}

function parked(by: BreakerKey, node: Partial<ParkedNode> = {}): ParkedNode & { readonly by: BreakerKey } {
  return { runId: newId(), node: "a", fence: 0, lane: "default", action: "charge", ...node, by };
}

function written({ breakers }: Store, name: string, state: BreakerState): Promise<readonly boolean[]> {
  return breakers.write([{ key: key(name), version: 0, state }]);
}

export function breakerRules(kit: Kit): void {
  kit.describe("breakers", () => {
    stateRules(kit);
    parkingRules(kit);
  });
}

function stateRules({ rule, expect }: Kit): void {
  rule("are what was written last, each by itself", async ({ store, second }) => {
    const keys = [key("api"), key("api", "credential"), key("api", "target", "other"), key('a"\\b')];
    expect(await store.breakers.read(keys)).toEqual([null, null, null, null]);
    const writes = keys.map((each, n) => ({ key: each, version: 0, state: { ...OPEN, generation: n } }));
    expect(await store.breakers.write(writes)).toEqual([true, true, true, true]);
    const found = await second.breakers.read([...keys.toReversed(), key("none")]);
    expect(
      found.map((each) => each && [each.workspace, each.scope, each.name, each.version, each.state]),
    ).toEqual([
      ...keys
        .toReversed()
        .map((each, n) => [each.workspace, each.scope, each.name, 1, { ...OPEN, generation: 3 - n }]),
      null,
    ]);
    expect(await store.breakers.read([])).toEqual([]);
    expect(await store.breakers.write([])).toEqual([]);
  });

  rule(
    "are changed only by who knows the version, also where two write at once",
    async ({ store, second }) => {
      expect(await written(store, "api", OPEN)).toEqual([true]);
      expect(await written(store, "api", CLOSED)).toEqual([false]);
      const from = (version: number, generation: number) => [
        { key: key("api"), version, state: { ...OPEN, generation } },
        { key: key(`own ${generation}`), version: 0, state: OPEN },
      ];
      const both = await Promise.all([store.breakers.write(from(1, 10)), second.breakers.write(from(1, 11))]);
      expect(both.map(([, own]) => own)).toEqual([true, true]);
      expect(both.filter(([shared]) => shared)).toHaveLength(1);
      const winner = both[0]![0] ? 10 : 11;
      const [now] = await store.breakers.read([key("api")]);
      expect([now!.version, now!.state.generation]).toEqual([2, winner]);
      expect(await store.breakers.write(from(1, 12))).toEqual([false, true]);
      const firsts = await Promise.all([written(store, "new", OPEN), written(second, "new", OPEN)]);
      expect(firsts.flat().filter(Boolean)).toHaveLength(1);
    },
  );

  rule("that changed are found by their time, and no change is missed", async (bench) => {
    const { store, second } = bench;
    const { now: before } = await store.breakers.changed({ since: 0, limit: 10 });
    await written(store, "first", OPEN);
    await bench.advance(1_000);
    await written(second, "second", OPEN);
    const all = await store.breakers.changed({ since: before, limit: 10 });
    expect(all.breakers.map(({ name }) => name)).toEqual(["first", "second"]);
    expect(all.now).toBeGreaterThanOrEqual(all.breakers[1]!.changedAt);
    const [, last] = all.breakers;
    const rest = await store.breakers.changed({ since: last!.changedAt, limit: 10 });
    expect(rest.breakers.map(({ name }) => name)).toEqual(["second"]);
    expect((await store.breakers.changed({ since: before, limit: 1 })).breakers).toHaveLength(1);
  });

  rule("of a workspace that are not closed are listed in order, page by page", async ({ store }) => {
    const places: readonly [BreakerScope, string][] = [
      ["credential", "b"],
      ["target", "B"],
      ["target", "a"],
      ["workflow", "a"],
    ];
    for (const [scope, name] of places)
      await store.breakers.write([{ key: key(name, scope), version: 0, state: OPEN }]);
    await written(store, "closed", CLOSED);
    await store.breakers.write([{ key: key("a", "target", "other"), version: 0, state: OPEN }]);
    const seen: unknown[] = [];
    for (let after: BreakerKey | undefined; ;) {
      const page = await store.breakers.page({ workspace: "acme", limit: 3, ...(after ? { after } : {}) });
      seen.push(...page.map(({ scope, name }) => [scope, name]));
      after = page.at(-1);
      if (page.length < 3) break;
    }
    expect(seen).toEqual(places);
  });

  rule("that are closed and old are deleted, and no others", async (bench) => {
    const { store } = bench;
    await written(store, "old", CLOSED);
    await written(store, "open", OPEN);
    await bench.advance(60_000);
    await written(store, "young", CLOSED);
    expect(await store.breakers.trim({ olderThanMs: 30_000, limit: 10 })).toBe(1);
    const left = await store.breakers.read([key("old"), key("open"), key("young")]);
    expect(left.map((each) => each?.name ?? null)).toEqual([null, "open", "young"]);
  });
}

function parkingRules({ rule, expect }: Kit): void {
  rule("give out what is parked once, the first first, to those who can run it", async (bench) => {
    const { store, second } = bench;
    const api = key("api");
    const nodes = [parked(api), parked(api), parked(api, { lane: "slow" }), parked(api, { action: "ship" })];
    for (const node of nodes) {
      await store.breakers.park([node, parked(key("another"))]);
      await bench.advance(10);
    }
    expect(await store.breakers.parked([api, key("another"), key("none")])).toEqual([4, 4, 0]);
    const [first, next, slow, ship] = nodes.map(({ by: _by, ...node }) => node);
    expect(await second.breakers.unpark(api, { ...FITS, limit: 1 })).toEqual([first]);
    expect(await store.breakers.unpark(api, FITS)).toEqual([next]);
    expect(await store.breakers.unpark(api, FITS)).toEqual([]);
    const both = await store.breakers.unpark(api, {
      lanes: ["default", "slow"],
      actions: ["charge", "ship"],
      limit: 10,
    });
    expect(new Set(both)).toEqual(new Set([slow, ship]));
    expect(await store.breakers.parked([api, key("another")])).toEqual([0, 4]);
  });

  rule("know a node run once, with its newer fence", async ({ store }) => {
    const node = parked(key("api"), { fence: 3 });
    await store.breakers.park([node, { ...node, fence: 4 }]);
    await store.breakers.park([{ ...node, fence: 2 }]);
    await store.breakers.park([]);
    expect(await store.breakers.unpark(key("api"), FITS)).toMatchObject([{ runId: node.runId, fence: 4 }]);
    expect(await store.breakers.parked([key("api")])).toEqual([0]);
  });

  rule("let two take at once, and give nothing twice", async ({ store, second }) => {
    const nodes = Array.from({ length: 60 }, () => parked(key("api")));
    await store.breakers.park(nodes);
    const query = { ...FITS, limit: 10 };
    const taken = await Promise.all(
      Array.from({ length: 8 }, (_, n) => (n % 2 ? store : second).breakers.unpark(key("api"), query)),
    );
    const rest = await store.breakers.unpark(key("api"), FITS);
    const ids = [...taken.flat(), ...rest].map(({ runId }) => runId);
    expect(ids.toSorted()).toEqual(nodes.map(({ runId }) => runId).toSorted());
  });

  rule("what is parked behind a closed breaker, or behind none, is loose", async ({ store }) => {
    const nodes = ["open", "closed", "gone"].map((name) => parked(key(name)));
    await store.breakers.park(nodes);
    await written(store, "open", OPEN);
    await written(store, "closed", CLOSED);
    const loose = await store.breakers.loose(FITS);
    expect(new Set(loose.map(({ runId }) => runId))).toEqual(
      new Set(nodes.slice(1).map(({ runId }) => runId)),
    );
    expect(await store.breakers.loose(FITS)).toEqual([]);
    expect(await store.breakers.loose({ ...FITS, lanes: [] })).toEqual([]);
    expect(await store.breakers.parked([key("open")])).toEqual([1]);
  });

  rule("go with their workspace, and leave others as they are", async ({ store }) => {
    const theirs = key("api", "target", "other");
    await written(store, "api", OPEN);
    await store.breakers.write([{ key: theirs, version: 0, state: OPEN }]);
    await store.breakers.park([parked(key("api")), parked(theirs)]);
    await store.workspaces.erase("acme", 100);
    expect((await store.breakers.read([key("api"), theirs])).map((each) => each?.workspace ?? null)).toEqual([
      null,
      "other",
    ]);
    expect(await store.breakers.parked([key("api"), theirs])).toEqual([0, 1]);
  });
}
