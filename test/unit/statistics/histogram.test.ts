import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addBins, addTo, quantile } from "../../../src/core/statistics/histogram.ts";

const durations = fc.array(fc.double({ min: 1, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 });
const binsOf = (list: readonly number[]): number[] => {
  const bins: number[] = [];
  for (const ms of list) addTo(bins, ms);
  return bins;
};

describe("durations in bins", () => {
  test("a quantile is the exact one to within a tenth and its two digits", () => {
    fc.assert(
      fc.property(durations, fc.constantFrom(0.5, 0.95, 1), (list, q) => {
        const exact = list.toSorted((a, b) => a - b)[Math.ceil(list.length * q) - 1]!;
        const ratio = quantile(binsOf(list), q)! / exact;
        expect(ratio).toBeGreaterThan(0.85);
        expect(ratio).toBeLessThan(1.15);
      }),
    );
  });

  test("what was counted apart and added is what was counted together", () => {
    fc.assert(
      fc.property(durations, durations, (a, b) => {
        const sum = binsOf(a);
        addBins(sum, binsOf(b));
        expect(sum).toEqual(binsOf([...a, ...b]));
      }),
    );
  });

  test("nothing has no quantile, and no duration is too short or too long", () => {
    expect(quantile([], 0.5)).toBeNull();
    expect(quantile([0, 0], 0.5)).toBeNull();
    expect(quantile(binsOf([1, 5, 9]), 2)).toBe(quantile(binsOf([9]), 1));
    expect(quantile(binsOf([0, 0.2, Number.NaN, -1]), 0.95)).toBe(0.5);
    expect(quantile(binsOf([1e15]), 0.5)).toBeGreaterThan(1e10);
  });
});
