/** The matrix of tenants for what has to do with limits: what one workspace sets, spends and keeps waiting is none of another's. */
import type { Store } from "../../core/ports/store.ts";
import { newId, newRun, row, start, worker } from "./entries.ts";
import type { Kit } from "./kit.ts";

interface Scene {
  readonly store: Store;
  readonly expect: Kit["expect"];
}

type Part = "limits" | "buckets" | "quotas" | "places" | "held";
type Method = { [P in Part]: `${P}.${keyof Store[P] & string}` }[Part];

export const LIMITS_OF_TENANTS: {
  readonly [M in Method]: ((scene: Scene) => Promise<void>) | "of all" | "of workers";
} = {
  "limits.set": async ({ store, expect }) => {
    await store.limits.set({ workspace: "third", plan: "mine", limits: {} });
    expect(await store.limits.get("fourth")).toBeNull();
  },
  "limits.get": async ({ store, expect }) => {
    await store.limits.set({ workspace: "third", plan: "theirs", limits: {} });
    expect(await store.limits.get("fourth")).toBeNull();
  },
  "limits.since": "of all",
  "buckets.take": async ({ store, expect }) => {
    const rate = { perSecond: 0.001, burst: 1 };
    const take = (workspace: string) =>
      store.buckets.take([{ workspace, rate, wanted: 1, returned: 0 }]).then(([taken]) => taken!.tokens);
    expect([await take("third"), await take("third"), await take("fourth")]).toEqual([1, 0, 1]);
  },
  "places.lease": async ({ store, expect }) => {
    const [one, other] = [worker(), worker()];
    for (const each of [one, other]) await store.register(each);
    const lease = (id: string, workspace: string) =>
      store.places.lease(id, [{ workspace, limit: 1, used: 0, wanted: 1 }]);
    expect([await lease(one.id, "third"), await lease(other.id, "fourth")]).toEqual([
      [{ places: 1, cap: null }],
      [{ places: 1, cap: null }],
    ]);
  },
  "quotas.starts": async ({ store, expect }) => {
    const ask = { rate: { perSecond: 0.001, burst: 3 }, wanted: 3, returned: 0 };
    for (const workspace of ["third", "fourth"])
      expect((await store.quotas.starts([{ workspace, ...ask }]))[0]!.tokens).toBe(3);
  },
  "quotas.payloadBytes": async ({ store, expect }) => {
    const ask = { rate: { perSecond: 0.001, burst: 3 }, wanted: 3, returned: 0 };
    for (const workspace of ["third", "fourth"])
      expect((await store.quotas.payloadBytes([{ workspace, ...ask }]))[0]!.tokens).toBe(3);
  },
  "quotas.storedRuns": async ({ store, expect }) => {
    const nodes = [row("a", { status: "ready" })];
    await store.commit([start(newId(), { start: newRun({ workspace: "third" }), nodes })]);
    expect(await store.quotas.storedRuns("fourth", 9)).toBe(0);
  },
  "held.lines": "of all",
  "held.first": async ({ store, expect }) => {
    const heldIn = { lane: "default", workspace: "third" };
    const nodes = [row("a", { heldIn })];
    await store.commit([start(newId(), { start: newRun({ workspace: "third" }), nodes })]);
    expect(await store.held.first([{ ...heldIn, workspace: "fourth", limit: 9 }], "w")).toEqual([]);
  },
  "held.queued": "of all",
  "held.capacity": "of workers",
};
