/** Places of a workspace: never more than the limit for all live workers, none of the dead, and each worker has its turn. */
import type { Places } from "../../core/ports/allowances.ts";
import type { Store } from "../../core/ports/store.ts";
import { worker } from "./entries.ts";
import { type Kit, seedOf } from "./kit.ts";

interface Use {
  used: number;
  wanted: number;
}

export function placeRules({ expect, rule, fc }: Kit): void {
  rule("workers share what there is, and no more", async ({ store, second }) => {
    const [a, b] = await registered(store, 2);
    expect(await lease(store, a!, { used: 0, wanted: 4 }, 5)).toEqual({ places: 4, cap: null });
    expect((await lease(second, b!, { used: 0, wanted: 4 }, 5)).places).toBe(1);
    // Who has given some back makes room for the other.
    await lease(store, a!, { used: 2, wanted: 0 }, 5);
    expect((await lease(second, b!, { used: 1, wanted: 3 }, 5)).places).toBe(3);
  });

  rule("what runs has its place, whatever the limit has become", async ({ store }) => {
    const [a, b] = await registered(store, 2);
    await lease(store, a!, { used: 0, wanted: 4 }, 5);
    expect((await lease(store, a!, { used: 4, wanted: 1 }, 2)).places).toBe(4);
    expect((await lease(store, b!, { used: 0, wanted: 1 }, 2)).places).toBe(0);
  });

  rule("places of a worker that is dead are free", async ({ store, advance }) => {
    const [a, b] = await registered(store, 2);
    await lease(store, a!, { used: 0, wanted: 5 }, 5);
    await store.deregister(a!);
    expect((await lease(store, b!, { used: 0, wanted: 5 }, 5)).places).toBe(5);
    const [c] = await registered(store, 1);
    await advance(60_000);
    await store.beat(c!);
    await store.reap({ leaseMs: 10_000, watch: { since: 0, until: await store.now() }, limit: 10 });
    expect((await lease(store, c!, { used: 0, wanted: 5 }, 5)).places).toBe(5);
  });

  rule(
    "a worker that is in want has its turn, where there are fewer places than workers too",
    async ({ store, advance }) => {
      const [a, b] = await registered(store, 2);
      await lease(store, a!, { used: 0, wanted: 1 }, 1);
      expect((await lease(store, b!, { used: 0, wanted: 1 }, 1)).places).toBe(0);
      await advance(10);
      // It goes on wanting: what ends there is not begun again.
      expect(await lease(store, a!, { used: 1, wanted: 1 }, 1)).toEqual({ places: 1, cap: 0 });
      expect((await lease(store, a!, { used: 0, wanted: 1 }, 1)).places).toBe(0);
      await advance(10);
      expect((await lease(store, b!, { used: 0, wanted: 1 }, 1)).places).toBe(1);
      await advance(10);
      expect((await lease(store, b!, { used: 0, wanted: 1 }, 1)).places).toBe(0);
      expect((await lease(store, a!, { used: 0, wanted: 1 }, 1)).places).toBe(1);
    },
  );

  rule("a want that nobody speaks of any more is forgotten", async ({ store, advance }) => {
    const [a, b] = await registered(store, 2);
    await lease(store, a!, { used: 0, wanted: 2 }, 2);
    await lease(store, b!, { used: 0, wanted: 1 }, 2);
    await advance(20_000);
    expect(await lease(store, a!, { used: 2, wanted: 0 }, 2)).toEqual({ places: 2, cap: null });
  });

  rule("for any asks of any workers: what is used is kept, the rest fits the limit", async ({ store }) => {
    const ask = fc.record({
      worker: fc.nat(2),
      ends: fc.nat(6),
      wanted: fc.nat(6),
      limit: fc.integer({ min: 1, max: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(ask, { maxLength: 20 }), async (asks) => {
        const ids = await registered(store, 3);
        const held = [0, 0, 0];
        for (const { worker: at, ends, wanted, limit } of asks) {
          const used = Math.max(0, held[at]! - ends);
          const { places } = await lease(store, ids[at]!, { used, wanted }, limit);
          held[at] = places;
          const all = held.reduce((sum, each) => sum + each, 0);
          expect(places >= used && places <= used + wanted).toBe(true);
          expect(places === used || all <= limit).toBe(true);
        }
        for (const id of ids) await store.deregister(id);
      }),
      { numRuns: 20, ...seedOf() },
    );
  });

  rule(
    "each workspace has places of its own, and an ask for many is answered for each",
    async ({ store }) => {
      const [a] = await registered(store, 1);
      const asks = ["b", "a", "c"].map((workspace, used) => ({ workspace, limit: 2, used, wanted: 1 }));
      expect((await store.places.lease(a!, asks)).map(({ places }) => places)).toEqual([1, 2, 2]);
      expect(await store.places.lease(a!, [])).toEqual([]);
    },
  );
}

async function registered(store: Store, count: number): Promise<readonly string[]> {
  const workers = Array.from({ length: count }, () => worker());
  for (const each of workers) await store.register(each);
  return workers.map(({ id }) => id);
}

// oxlint-disable-next-line max-params -- where, who, what, of how many
async function lease(store: Store, id: string, use: Use, limit: number): Promise<Places> {
  const [places] = await store.places.lease(id, [{ workspace: "acme", limit, ...use }]);
  return places!;
}
