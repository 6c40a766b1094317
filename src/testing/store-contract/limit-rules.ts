/** What is set for workspaces is kept as it is, found by whoever looks for what is new, and goes with its workspace. */
import { isNothing } from "../../core/ports/workspaces.ts";
import type { Store } from "../../core/ports/store.ts";
import type { Kit } from "./kit.ts";

export function limitRules({ expect, rule }: Kit): void {
  rule("limits are there as they were last set, for their workspace alone", async ({ store, second }) => {
    const rate = { limit: 5, per: "1m" };
    await store.limits.set({ workspace: "acme", plan: "pro", limits: { rate, concurrency: 2 } });
    await second.limits.set({ workspace: "acme", plan: null, limits: { rate: null, weight: 3 } });
    await store.limits.set({ workspace: "beta", plan: "free", limits: {} });
    const acme = { workspace: "acme", plan: null, limits: { rate: null, weight: 3 } };
    expect(await store.limits.get("acme")).toEqual(acme);
    expect(await second.limits.get("beta")).toEqual({ workspace: "beta", plan: "free", limits: {} });
    expect(await store.limits.get("nobody")).toBe(null);
    const { limits } = await store.limits.since(null);
    expect([...limits].sort((a, b) => (a.workspace < b.workspace ? -1 : 1))).toEqual([
      acme,
      { workspace: "beta", plan: "free", limits: {} },
    ]);
  });

  rule("who looks again finds what was set meanwhile, and not all of it", async ({ store, advance }) => {
    await store.limits.set({ workspace: "old", plan: null, limits: {} });
    await advance(60_000);
    const { now } = await store.limits.since(null);
    await store.limits.set({ workspace: "new", plan: null, limits: {} });
    expect(await names(store, now)).toEqual(["new"]);
    await advance(60_000);
    await store.limits.set({ workspace: "old", plan: "pro", limits: {} });
    expect(await names(store, now)).toEqual(["new", "old"]);
    expect(await names(store, now + 60_000)).toEqual(["old"]);
  });

  rule("limits go with their workspace, and alone make none", async ({ store }) => {
    await store.limits.set({ workspace: "acme", plan: null, limits: {} });
    await store.limits.set({ workspace: "beta", plan: null, limits: {} });
    expect(await store.workspaces.list({ limit: 10 })).toEqual([]);
    while (!isNothing(await store.workspaces.erase("acme", 10)));
    expect(await names(store, null)).toEqual(["beta"]);
  });
}

async function names(store: Store, since: number | null): Promise<readonly string[]> {
  const { limits } = await store.limits.since(since);
  return limits.map(({ workspace }) => workspace).sort();
}
