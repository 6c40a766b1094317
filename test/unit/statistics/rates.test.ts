import { describe, expect, test } from "vitest";
import { newTally } from "../../../src/core/statistics/counts.ts";
import { ratesOf } from "../../../src/core/statistics/rates.ts";
import { HOUR_MS, MINUTE_MS, stepFor, sum, wholeSteps } from "../../../src/core/statistics/series.ts";

const counts = {
  ...newTally(),
  started: 5,
  succeeded: 3,
  failed: 1,
  cancelled: 1,
  runMs: 501,
  runBins: [0, 0, 5],
  attempts: 4,
  failures: 1,
  retries: 1,
  attemptMs: 10,
  attemptBins: [4],
  queued: 2,
  queuedMs: 5,
  deadLetters: 1,
};

describe("rates", () => {
  test("are of the time in which was counted", () => {
    const { runs, attempts, deadLetters } = ratesOf(counts, 10_000);
    expect(runs).toMatchObject({ started: 5, failureRate: 0.25, perSecond: 0.5 });
    expect(runs.duration).toEqual({ meanMs: 100.2, p50Ms: 1.3, p95Ms: 1.3 });
    expect(attempts).toMatchObject({ count: 4, failureRate: 0.25, perSecond: 0.4, queuedMeanMs: 2.5 });
    expect(attempts.duration).toEqual({ meanMs: 2.5, p50Ms: 0.5, p95Ms: 0.5 });
    expect(deadLetters).toBe(1);
  });

  test("of no time, and of nothing, are none", () => {
    expect(ratesOf(counts, 0).runs.perSecond).toBe(0);
    const { runs, attempts } = ratesOf(newTally(), 1_000);
    expect(runs).toMatchObject({ failureRate: null, duration: { meanMs: null, p50Ms: null } });
    expect(attempts.queuedMeanMs).toBeNull();
  });

  test("of a sum are those of all", () => {
    const at = { ...counts, at: 0 };
    expect(ratesOf(sum([at, at]), 20_000).runs.perSecond).toBe(ratesOf(counts, 10_000).runs.perSecond);
  });
});

test("a step is as long as a chart needs, also for a year and for fifty", () => {
  expect(stepFor(HOUR_MS)).toBe(MINUTE_MS);
  expect(stepFor(400 * 24 * HOUR_MS) % HOUR_MS).toBe(0);
  expect(stepFor(20_000 * 24 * HOUR_MS)).toBeGreaterThan(stepFor(400 * 24 * HOUR_MS));
  expect(wholeSteps(0, 1, HOUR_MS)).toEqual({ since: 0, until: HOUR_MS, stepMs: HOUR_MS });
});
