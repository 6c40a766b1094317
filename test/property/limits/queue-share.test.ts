/** How the queue is shared, for any weights and any number of workspaces and workers. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LEAST_SHARE, partOfFree, queueLimit, queueShare } from "../../../src/core/limits/queue-share.ts";

const weight = fc.integer({ min: 1, max: 1_000 });
const places = fc.integer({ min: 1, max: 100_000 });
const weights = fc.array(weight, { minLength: 2, maxLength: 30 });
const sharing = fc.record({
  places,
  rivals: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 100_000 })),
  isAlone: fc.boolean(),
});
const rate = fc.record({
  perSecond: fc.double({ min: 0.001, max: 10_000, noNaN: true }),
  burst: fc.integer({ min: 1, max: 1_000 }),
});
const count = fc.integer({ min: 1, max: 1_000_000 });
const limits = fc.record({
  weight,
  queued: fc.oneof(fc.constant("share" as const), fc.constant(null), count),
  concurrency: fc.option(count),
  rate: fc.option(rate),
});

/** What each of these may have where all have something in the queue. */
function shares(
  all: readonly number[],
  of: { readonly places: number; readonly isAlone?: boolean },
): number[] {
  const sum = all.reduce((a, b) => a + b, 0);
  return all.map((each) => queueShare(each, { isAlone: false, ...of, rivals: sum - each }));
}

describe("the share of one among others", () => {
  test("is never nothing, and at least a few however many they are", () => {
    fc.assert(
      fc.property(weight, sharing, (own, of) => {
        expect(queueShare(own, of)).toBeGreaterThanOrEqual(LEAST_SHARE);
        expect(Number.isInteger(queueShare(own, of))).toBe(true);
      }),
    );
  });

  test("follows the weights, to less than one place", () => {
    fc.assert(
      fc.property(weights, places, (all, of) => {
        const sum = all.reduce((a, b) => a + b, 0);
        shares(all, { places: of }).forEach((share, index) => {
          const exact = (of * all[index]!) / sum;
          if (exact < LEAST_SHARE) expect(share).toBe(LEAST_SHARE);
          else expect(exact - share).toBeLessThan(1);
          expect(share).toBeLessThanOrEqual(Math.max(LEAST_SHARE, exact));
        });
      }),
    );
  });

  test("is together with those of the others what the workers run at once, and the few that everybody has", () => {
    fc.assert(
      fc.property(weights, places, (all, of) => {
        const sum = shares(all, { places: of }).reduce((a, b) => a + b, 0);
        expect(sum).toBeLessThanOrEqual(of + LEAST_SHARE * all.length);
        expect(sum).toBeGreaterThan(of - all.length);
      }),
    );
  });

  test("grows with its weight and with the workers, and shrinks with whoever else comes", () => {
    fc.assert(
      fc.property(weight, fc.record({ places, rivals: weight }), weight, (own, of, more) => {
        const share = queueShare(own, { ...of, isAlone: false });
        expect(queueShare(own + more, { ...of, isAlone: false })).toBeGreaterThanOrEqual(share);
        const larger = { ...of, places: of.places + more, isAlone: false };
        expect(queueShare(own, larger)).toBeGreaterThanOrEqual(share);
        const fuller = { ...of, rivals: of.rivals + more, isAlone: false };
        expect(queueShare(own, fuller)).toBeLessThanOrEqual(share);
      }),
    );
  });

  test("is the same whether or not one worker does all the work, and the same for all of one weight", () => {
    fc.assert(
      fc.property(weight, fc.integer({ min: 2, max: 30 }), places, (own, workspaces, of) => {
        const all = Array.from({ length: workspaces }, () => own);
        const found = shares(all, { places: of });
        expect(new Set(found).size).toBe(1);
        expect(shares(all, { places: of, isAlone: true })).toEqual(found);
      }),
    );
  });
});

describe("the share of one that has the queue for itself", () => {
  test("is four times what the workers run at once, and what a backlog holds where there is one worker: its weight says nothing", () => {
    fc.assert(
      fc.property(weight, places, (own, of) => {
        expect(queueShare(own, { places: of, rivals: 0, isAlone: false })).toBe(of * 4);
        expect(queueShare(own, { places: of, rivals: 0, isAlone: true })).toBe(Math.max(5_000, of));
      }),
    );
  });

  test("is never less than it would have beside others", () => {
    fc.assert(
      fc.property(weight, sharing, (own, of) => {
        expect(queueShare(own, { ...of, rivals: 0 })).toBeGreaterThanOrEqual(queueShare(own, of));
      }),
    );
  });
});

describe("what may be in the queue", () => {
  test("is what is set, or the share, and no more than may run at once or begin within a second", () => {
    fc.assert(
      fc.property(limits, sharing, (set, of) => {
        const most = queueLimit(set, of);
        expect(most).toBeGreaterThanOrEqual(1);
        const { queued, concurrency, rate: perTime } = set;
        if (concurrency !== null) expect(most).toBeLessThanOrEqual(concurrency);
        if (perTime !== null) expect(most).toBeLessThanOrEqual(Math.max(1, Math.ceil(perTime.perSecond)));
        const room = queued === "share" ? queueShare(set.weight, of) : (queued ?? Infinity);
        expect(most).toBeLessThanOrEqual(room);
        if (concurrency === null && perTime === null) expect(most).toBe(room);
      }),
    );
  });

  test("is divided among processes so that all is used, and at most one more by each", () => {
    fc.assert(
      fc.property(count, fc.nat(2_000_000), fc.integer({ min: 1, max: 100 }), (limit, queued, workers) => {
        const part = partOfFree(limit, { queued, workers });
        const free = limit - queued;
        expect(part > 0).toBe(free > 0);
        expect(part * workers).toBeGreaterThanOrEqual(free);
        expect(part * workers).toBeLessThan(free + workers);
      }),
    );
  });

  test("goes to one process where none has signed on", () => {
    expect(partOfFree(10, { queued: 4, workers: 0 })).toBe(6);
  });
});
