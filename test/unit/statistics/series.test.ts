import { describe, expect, test } from "vitest";
import { newTally } from "../../../src/core/statistics/counts.ts";
import { ratesOf } from "../../../src/core/statistics/rates.ts";
import {
  HOUR_MS,
  intoSteps,
  MINUTE_MS,
  stepFor,
  unitOf,
  wholeSteps,
} from "../../../src/core/statistics/series.ts";

describe("the steps of a series", () => {
  test("of whole hours are counted by the hour, and others by the minute", () => {
    expect(unitOf(wholeSteps(0, 1, 3 * HOUR_MS))).toBe(HOUR_MS);
    expect(unitOf(wholeSteps(0, 1, 90 * MINUTE_MS))).toBe(MINUTE_MS);
  });

  test("are whole, and hold the whole time", () => {
    expect(wholeSteps(61_000, 119_000, MINUTE_MS)).toEqual({
      since: 60_000,
      until: 120_000,
      stepMs: MINUTE_MS,
    });
    expect(wholeSteps(60_000, 60_000, MINUTE_MS)).toMatchObject({ since: 60_000, until: 120_000 });
  });

  test.each([
    [HOUR_MS, MINUTE_MS],
    [24 * HOUR_MS, 15 * MINUTE_MS],
    [7 * 24 * HOUR_MS, 3 * HOUR_MS],
    [400 * 24 * HOUR_MS, 168 * HOUR_MS],
  ])("for %d ms are %d ms long", (length, step) => {
    expect(stepFor(length)).toBe(step);
  });

  test("take what belongs to them, and are there where nothing does", () => {
    const at = (minute: number) => ({ ...newTally(), at: minute * MINUTE_MS, started: 1 });
    const span = wholeSteps(10 * MINUTE_MS, 25 * MINUTE_MS, 5 * MINUTE_MS);
    expect(unitOf(span)).toBe(MINUTE_MS);
    expect(intoSteps(span, [at(10), at(14), at(20), at(25)]).map(({ started }) => started)).toEqual([
      2, 0, 1,
    ]);
  });
});

test("rates of nothing are 0 or null, and never NaN", () => {
  const nothing = ratesOf(newTally(), 0);
  expect(nothing.runs).toMatchObject({
    failureRate: null,
    perSecond: 0,
    duration: { meanMs: null, p95Ms: null },
  });
  expect(nothing.attempts).toMatchObject({ failureRate: null, queuedMeanMs: null });
});
