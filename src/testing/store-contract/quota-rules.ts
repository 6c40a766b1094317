/** Quotas at the door: buckets that are full at first, may be overdrawn, and fill by the store's clock; and runs that are counted. */
import type { Rate } from "../../core/limits/workspace-limits.ts";
import type { Store } from "../../core/ports/store.ts";
import { newRun, stored } from "./entries.ts";
import type { Kit } from "./kit.ts";

/** One in ten seconds, which no test takes. */
const RATE: Rate = { perSecond: 0.1, burst: 3 };

export function quotaRules({ expect, rule }: Kit): void {
  for (const quota of ["starts", "payloadBytes"] as const) {
    const take = async (store: Store, wanted: number, returned = 0) => {
      const [taken] = await store.quotas[quota]([{ workspace: "acme", rate: RATE, wanted, returned }]);
      return taken!;
    };

    rule(`${quota}: a new bucket is full, and what is returned may be taken again`, async ({ store }) => {
      expect((await take(store, 5)).tokens).toBe(3);
      const { tokens, waitMs } = await take(store, 1);
      expect(tokens).toBe(0);
      expect(waitMs > 5_000).toBe(true);
      expect(waitMs).toBeLessThanOrEqual(10_000);
      expect((await take(store, 1, 2)).tokens).toBe(1);
      expect(await store.quotas[quota]([])).toEqual([]);
    });

    rule(`${quota}: what is owed is paid before anybody gets anything`, async ({ store, advance }) => {
      await take(store, 3);
      const { tokens, waitMs } = await take(store, 0, -2);
      expect(tokens).toBe(0);
      expect(waitMs > 25_000).toBe(true);
      expect(waitMs).toBeLessThanOrEqual(30_000);
      await advance(15_000);
      expect((await take(store, 3)).tokens).toBe(0);
      await advance(20_000);
      expect((await take(store, 3)).tokens).toBe(1);
    });
  }

  rule("stored runs of a workspace are counted, up to so many", async ({ store }) => {
    for (const workspace of ["acme", "acme", "acme", "other"])
      await stored(store, { start: newRun({ workspace }) });
    expect(await store.quotas.storedRuns("acme", 10)).toBe(3);
    expect(await store.quotas.storedRuns("acme", 2)).toBe(2);
    expect(await store.quotas.storedRuns("nobody", 2)).toBe(0);
  });
}
