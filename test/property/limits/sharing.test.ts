/** What the pure parts of admission promise, for any asks: buckets, places and turns. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Bucket, freshTokens, take } from "../../../src/core/limits/bucket.ts";
import { FairTurns } from "../../../src/core/limits/fair-turns.ts";
import { type PlaceHolder, shareOfPlaces } from "../../../src/core/limits/places.ts";

test("a bucket never gives more than its start and what came in since, nor a burst above its own", () => {
  const rate = fc.record({
    perSecond: fc.double({ min: 0.01, max: 10_000, noNaN: true }),
    burst: fc.integer({ min: 1, max: 10_000 }),
  });
  const asks = fc.array(fc.record({ afterMs: fc.nat(5_000), wanted: fc.nat(500) }), { maxLength: 50 });
  fc.assert(
    fc.property(rate, asks, (of, steps) => {
      let bucket: Bucket | null = null;
      let given = 0;
      let now = 0;
      for (const { afterMs, wanted } of steps) {
        now += afterMs;
        const taken = take(bucket, { rate: of, wanted, returned: 0 }, now);
        expect(taken.tokens).toBeLessThanOrEqual(Math.min(wanted, of.burst));
        expect(taken.bucket.tokens).toBeGreaterThanOrEqual(-1e-9);
        if (taken.tokens < wanted) {
          // One is there when it said, and not long before.
          const later = take(taken.bucket, { rate: of, wanted: 1, returned: 0 }, now + taken.waitMs + 1e-6);
          expect(later.tokens).toBe(1);
        }
        given += taken.tokens;
        bucket = taken.bucket;
        const first = steps[0]!.afterMs;
        expect(given).toBeLessThanOrEqual(freshTokens(of) + ((now - first) * of.perSecond) / 1_000 + 1e-6);
      }
    }),
  );
});

test("places: what runs keeps its own, the rest fits, and whoever is in want is served in the end", () => {
  const ask = fc.record({ at: fc.nat(3), ends: fc.nat(4) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(ask, { maxLength: 80 }), (limit, asks) => {
      const holders: (PlaceHolder & { used: number; served: number })[] = Array.from({ length: 4 }, () => ({
        places: 0,
        since: null,
        used: 0,
        served: 0,
      }));
      let now = 0;
      const turn = (at: number, ends: number): void => {
        const own = holders[at]!;
        const used = Math.max(0, own.used - ends);
        const others = holders.filter((each) => each !== own && (each.places > 0 || each.since !== null));
        const share = shareOfPlaces({ limit, used, wanted: 1 }, { own, others, now: ++now });
        // All that a worker gets, it uses.
        holders[at] = { ...share, used: share.places, served: own.served + (share.places - used) };
        const all = holders.reduce((sum, { places }) => sum + places, 0);
        expect(all).toBeLessThanOrEqual(limit);
      };
      for (const { at, ends } of asks) turn(at, ends);
      const before = holders.map(({ served }) => served);
      // Everybody wants one more all the time, and what runs ends one by one.
      for (let round = 0; round < 40; round++) for (let at = 0; at < 4; at++) turn(at, 1);
      holders.forEach(({ served }, at) => expect(served).toBeGreaterThan(before[at]!));
    }),
  );
});

test("turns go by weight while all have work, however many they are", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(weights, (given) => {
      const turns = new FairTurns();
      const all = given.map((weight, n) => ({ workspace: `w${n}`, weight }));
      const counts = new Map(all.map(({ workspace }) => [workspace, 0]));
      const sum = given.reduce((a, b) => a + b, 0);
      for (let turn = 0; turn < sum * 20; turn++) {
        const next = turns.next(all)!;
        turns.charge(next);
        counts.set(next.workspace, counts.get(next.workspace)! + 1);
      }
      for (const { workspace, weight } of all)
        expect(Math.abs(counts.get(workspace)! - weight * 20)).toBeLessThanOrEqual(all.length + 1);
    }),
  );
});

test("who comes back from a quiet time is next, and no more than that", () => {
  const turns = new FairTurns();
  const [busy, quiet] = ["busy", "quiet"].map((workspace) => ({ workspace, weight: 1 }));
  turns.charge(turns.next([quiet!])!);
  for (let n = 0; n < 1_000; n++) turns.charge(turns.next([busy!])!);
  const order = Array.from({ length: 6 }, () => {
    const next = turns.next([busy!, quiet!])!;
    turns.charge(next);
    return next.workspace;
  });
  expect(order.filter((name) => name === "quiet").length).toBeLessThanOrEqual(4);
  expect(order.slice(0, 2)).toContain("quiet");
});

test("shares of some turns: no more than there are, no more than each can take, all where there is enough work", () => {
  const contender = fc.record({ weight: fc.integer({ min: 1, max: 9 }), most: fc.nat(30) });
  fc.assert(
    fc.property(fc.nat(60), fc.array(contender, { maxLength: 10 }), (count, given) => {
      const all = given.map((each, n) => ({ ...each, workspace: `w${n}` }));
      const shares = new FairTurns().share(count, all);
      const sum = [...shares.values()].reduce((a, b) => a + b, 0);
      for (const { workspace, most } of all) expect(shares.get(workspace) ?? 0).toBeLessThanOrEqual(most);
      expect(sum).toBe(
        Math.min(
          count,
          all.reduce((of, { most }) => of + most, 0),
        ),
      );
    }),
  );
});
