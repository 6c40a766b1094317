/** Workers: a lease is a live heartbeat, and whoever is dead stays dead. */
import type { NodeRef, Store } from "../../core/ports/store.ts";
import {
  change,
  message,
  move,
  moved,
  newId,
  row,
  running,
  setRow,
  stored,
  waiting,
  worker,
} from "./entries.ts";
import type { Kit } from "./kit.ts";

const LEASE = { leaseMs: 10_000, limit: 100 };

/** By somebody who has watched from the beginning up to now. */
async function reaped(
  store: Store,
  options: Partial<Parameters<Store["reap"]>[0]> = {},
): Promise<readonly NodeRef[]> {
  return store.reap({ ...LEASE, watch: { since: 0, until: await store.now() }, ...options });
}

async function registered(store: Store): Promise<string> {
  const info = worker();
  await store.register(info);
  return info.id;
}

function names(refs: readonly NodeRef[]): string[] {
  return refs.map(({ runId, node, item, fence }) => `${runId} ${node} ${item} ${fence}`).sort();
}

export function workerRules(kit: Kit): void {
  kit.describe("workers: heartbeat", () => beatRules(kit));
  kit.describe("workers: roll and reap", () => reapRules(kit));
}

function beatRules({ rule, expect }: Kit): void {
  rule("a registered worker lives; its id is never given twice", async ({ store, advance }) => {
    const info = worker();
    const { now } = await store.register(info);
    expect(Math.abs((await store.now()) - now)).toBeLessThan(60_000);
    expect(await store.liveWorkers()).toBe(1);
    await advance(5_000);
    const beat = await store.beat(info.id);
    expect(beat).toMatchObject({ alive: true, cancelled: [] });
    expect(beat.now).toBeGreaterThanOrEqual(now + 5_000);
    await expect(store.register(info)).rejects.toBeDefined();
    const gone = worker();
    await store.register(gone);
    await store.deregister(gone.id);
    await expect(store.register(gone)).rejects.toBeDefined();
    await store.register(worker());
    expect(await store.liveWorkers()).toBe(2);
  });

  rule("an unknown worker is not alive, and a beat does not make it so", async ({ store }) => {
    const id = newId();
    expect((await store.beat(id)).alive).toBe(false);
    expect((await store.beat(id)).alive).toBe(false);
    expect(await store.liveWorkers()).toBe(0);
  });

  rule("whoever was declared dead is never revived by a beat", async ({ store, second, advance }) => {
    const id = await registered(store);
    await advance(LEASE.leaseMs + 1_000);
    expect(await reaped(second)).toEqual([]);
    expect((await store.beat(id)).alive).toBe(false);
    expect((await store.beat(id)).alive).toBe(false);
    expect(await store.liveWorkers()).toBe(0);
  });

  rule("whoever beats in time is not declared dead", async ({ store, second, advance }) => {
    const id = await registered(store);
    for (let round = 0; round < 4; round++) {
      await advance(LEASE.leaseMs - 3_000);
      expect((await store.beat(id)).alive).toBe(true);
      await reaped(second);
    }
    expect(await store.liveWorkers()).toBe(1);
  });

  rule("silence counts only as far as whoever judges has watched it", async ({ store, second, advance }) => {
    const [id, { now }] = [await registered(store), { now: await store.now() }];
    await advance(60_000);
    const today = await store.now();
    // Asked before a standstill, and carried out after it; and by somebody who has listened again for not quite a lease.
    await reaped(second, { watch: { since: 0, until: now + LEASE.leaseMs / 2 } });
    await reaped(second, { watch: { since: today - LEASE.leaseMs + 1_000, until: today } });
    expect(await store.liveWorkers()).toBe(1);
    await reaped(second, { watch: { since: today - LEASE.leaseMs - 1_000, until: today } });
    expect(await store.liveWorkers()).toBe(0);
    expect((await store.beat(id)).alive).toBe(false);
  });

  rule(
    "the longer lease counts: that of the worker or of whoever judges it",
    async ({ store, second, advance }) => {
      const leases = [2_000, undefined, 30_000];
      for (const leaseMs of leases) await store.register(worker(leaseMs === undefined ? {} : { leaseMs }));
      await advance(LEASE.leaseMs - 1_000);
      await reaped(second);
      expect(await store.liveWorkers()).toBe(3);
      await advance(2_000);
      await reaped(second);
      expect(await store.liveWorkers()).toBe(1);
      await advance(30_000);
      await reaped(second);
      expect(await store.liveWorkers()).toBe(0);
    },
  );

  rule("actions that some have and others lack, by the part that has them", async ({ store, advance }) => {
    const none = new Map<string, number>();
    expect(await store.scarceActions()).toEqual(none);
    const [both, one] = [worker({ actions: ["a", "b"] }), worker({ actions: ["a"] })];
    await store.register(both);
    expect(await store.scarceActions()).toEqual(none);
    // Who tells none, or has none, takes no tasks either.
    for (const silent of [worker(), worker({ actions: [] })]) await store.register(silent);
    await store.register(one);
    expect(await store.scarceActions()).toEqual(new Map([["b", 1 / 2]]));
    const others = [worker({ actions: ["c", "c"] }), worker({ actions: ["a", "b"] })];
    for (const other of others) await store.register(other);
    expect(await store.scarceActions()).toEqual(new Map(Object.entries({ a: 3 / 4, b: 1 / 2, c: 1 / 4 })));
    for (const { id } of [one, others[0]!]) await store.deregister(id);
    expect(await store.scarceActions()).toEqual(none);
    await advance(LEASE.leaseMs + 1_000);
    await reaped(store);
    expect(await store.scarceActions()).toEqual(none);
  });

  rule("whoever signed off is dead at once; signing off twice, or unknown, is no harm", async ({ store }) => {
    const id = await registered(store);
    await store.deregister(id);
    await store.deregister(id);
    await store.deregister(newId());
    expect(await store.liveWorkers()).toBe(0);
    expect((await store.beat(id)).alive).toBe(false);
  });

  rule("a beat names the runs to be cancelled that this worker runs nodes of", async ({ store }) => {
    const [me, other] = [await registered(store), await registered(store)];
    const mine = { nodes: [running("a", me)] };
    const [flagged, asked, calm] = [
      await stored(store, mine),
      await stored(store, mine),
      await stored(store, mine),
    ];
    const theirs = await stored(store, { nodes: [running("a", other)] });
    await moved(store, move(flagged, 1, { cancelled: true }));
    await store.append([
      message(asked, "c", { kind: "cancel" }),
      message(calm, "p", { kind: "pause" }),
      message(theirs, "c", { kind: "cancel" }),
    ]);
    expect([...(await store.beat(me)).cancelled].sort()).toEqual([flagged, asked].sort());
    expect((await store.beat(other)).cancelled).toEqual([theirs]);
    await moved(store, move(asked, 2, { consumed: ["c"] }));
    await setRow(store, flagged, change("a", { status: "cancelled" }));
    expect((await store.beat(me)).cancelled).toEqual([]);
  });
}

function reapRules({ rule, expect }: Kit): void {
  rule("the roll lists what is running under a worker, and nothing else", async ({ store }) => {
    const [me, other] = [await registered(store), await registered(store)];
    const id = await stored(store, {
      nodes: [
        running("a", me),
        running("b", me, { fence: 7 }),
        running("c", other),
        row("d"),
        row("m", { status: "running", worker: me, item: 4, fence: 2 }),
        waiting("w", { inMs: 0 }),
      ],
    });
    expect(names(await store.roll(me))).toEqual([`${id} a -1 1`, `${id} b -1 7`, `${id} m 4 2`].sort());
    await setRow(store, id, change("b", { status: "succeeded", fence: 7 }));
    expect(names(await store.roll(me))).toEqual([`${id} a -1 1`, `${id} m 4 2`].sort());
    expect(await store.roll(newId())).toEqual([]);
  });

  rule(
    "a live worker's node runs are never orphans, however long they run",
    async ({ store, second, advance }) => {
      const me = await registered(store);
      await stored(store, { nodes: [running("a", me)] });
      for (let round = 0; round < 3; round++) {
        await advance(LEASE.leaseMs - 1_000);
        await store.beat(me);
        expect(await reaped(second)).toEqual([]);
      }
    },
  );

  rule(
    "node runs of dead, signed-off and missing workers are orphans until they are decided",
    async (bench) => {
      const { store, second, advance } = bench;
      const [dead, left] = [await registered(store), await registered(store)];
      const ids = [
        await stored(store, { nodes: [running("a", dead), row("b")] }),
        await stored(store, { nodes: [running("a", left)] }),
        await stored(store, { nodes: [running("a", newId())] }),
      ];
      await store.deregister(left);
      expect(names(await reaped(second))).toEqual([`${ids[1]} a -1 1`, `${ids[2]} a -1 1`].sort());
      await advance(LEASE.leaseMs + 1_000);
      const all = ids.map((id) => `${id} a -1 1`).sort();
      expect(names(await reaped(second))).toEqual(all);
      expect(names(await reaped(store))).toEqual(all);
      expect(await reaped(store, { limit: 2 })).toHaveLength(2);
      await setRow(store, ids[0]!, change("a", { status: "ready", fence: 2 }));
      expect(names(await reaped(store))).toEqual([`${ids[1]} a -1 1`, `${ids[2]} a -1 1`].sort());
    },
  );

  rule("a worker that is forgotten is as dead as before", async ({ store, advance }) => {
    const id = await registered(store);
    const runId = await stored(store, { nodes: [running("a", id)] });
    await advance(LEASE.leaseMs + 1_000);
    await reaped(store);
    await advance(48 * 3_600_000);
    expect(names(await reaped(store))).toEqual([`${runId} a -1 1`]);
    expect((await store.beat(id)).alive).toBe(false);
  });
}
