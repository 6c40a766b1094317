/** What a workspace may begin here: spent without asking, never more than was given. */
import { describe, expect, test } from "vitest";
import { limitsInForce, layerOf, type WorkspaceLimits } from "../../../src/core/limits/workspace-limits.ts";
import { Gauge } from "../../../src/worker/admission/gauge.ts";

class Bench {
  now = 1_000;
  limits: WorkspaceLimits = {};
  readonly gauge = new Gauge(
    "acme",
    () => limitsInForce([layerOf(this.limits, "acme")]),
    () => this.now,
  );

  constructor(limits: WorkspaceLimits = {}) {
    this.limits = limits;
  }

  /** The store says that it has so many. */
  lease(count: number, places: number, cap: number | null = null): void {
    const ask = this.gauge.send(this.gauge.placeAsk(count)!);
    this.gauge.leased(ask, { places, cap });
  }
}

test("without limits anything begins, nobody is asked, and what runs is counted", () => {
  const { gauge } = new Bench();
  expect([gauge.room, gauge.mayBegin(false), gauge.lacks(1_000)]).toEqual([Infinity, true, false]);
  gauge.begin(false);
  gauge.begin(true);
  expect(gauge.running).toBe(1);
  gauge.end();
  expect([gauge.running, gauge.isIdle, gauge.placeReport(), gauge.staleTokens()]).toEqual([
    0,
    true,
    null,
    null,
  ]);
});

describe("places", () => {
  test("are used up, given back with what ends, and taken over by what follows", () => {
    const bench = new Bench({ concurrency: 10 });
    const { gauge } = bench;
    expect([gauge.mayBegin(false), gauge.lacks(1)]).toEqual([false, true]);
    bench.lease(2, 2);
    gauge.begin(false);
    gauge.begin(false);
    expect([gauge.mayBegin(false), gauge.mayBegin(true)]).toEqual([false, true]);
    gauge.begin(true);
    expect(gauge.running).toBe(2);
    gauge.end(1);
    expect(gauge.mayBegin(false)).toBe(true);
  });

  test("that were refused are not asked for again at once", () => {
    const bench = new Bench({ concurrency: 10 });
    bench.lease(5, 1);
    expect(bench.gauge.lacks(5)).toBe(false);
    expect(bench.gauge.lacks(1)).toBe(false);
    bench.now += 200;
    expect(bench.gauge.lacks(5)).toBe(true);
    expect(bench.gauge.lacks(1)).toBe(false);
  });

  test("nothing begins beyond what is said to be used while the answer is on its way", () => {
    const bench = new Bench({ concurrency: 10 });
    const { gauge } = bench;
    bench.lease(8, 8);
    for (let n = 0; n < 3; n++) gauge.begin(false);
    gauge.end(1);
    const report = gauge.send(gauge.placeReport()!);
    // The most that ran at once since the last time.
    expect(report).toMatchObject({ used: 3, wanted: 0 });
    expect(gauge.room).toBe(1);
    gauge.leased(report, { places: 3, cap: null });
    expect(gauge.send(gauge.placeReport()!)).toMatchObject({ used: 2 });
  });

  test("with others in want what ends beyond the worker's part begins no more here", () => {
    const bench = new Bench({ concurrency: 2 });
    const { gauge } = bench;
    bench.lease(2, 2);
    gauge.begin(false);
    gauge.begin(false);
    const report = gauge.send(gauge.placeReport()!);
    gauge.leased(report, { places: 2, cap: 1 });
    expect(gauge.mayBegin(true)).toBe(false);
    gauge.end(1);
    expect([gauge.mayBegin(true), gauge.mayBegin(false)]).toEqual([true, false]);
    expect(gauge.send(gauge.placeReport()!)).toMatchObject({ used: 1, wanted: 1 });
  });

  test("a limit that comes while something runs counts that, and one that goes leaves no row", () => {
    const bench = new Bench();
    const { gauge } = bench;
    gauge.begin(false);
    gauge.begin(false);
    bench.limits = { concurrency: 1 };
    expect(gauge.mayBegin(false)).toBe(false);
    const ask = gauge.send(gauge.placeAsk(1)!);
    expect(ask).toMatchObject({ used: 2 });
    gauge.leased(ask, { places: 2, cap: null });
    bench.limits = {};
    expect(gauge.mayBegin(false)).toBe(true);
    const last = gauge.send(gauge.placeReport()!);
    expect(last).toEqual({ workspace: "acme", limit: 0, used: 0, wanted: 0 });
    gauge.leased(last, { places: 0, cap: null });
    expect(gauge.placeReport()).toBeNull();
  });

  test("went with the worker's old id", () => {
    const bench = new Bench({ concurrency: 5 });
    bench.lease(3, 3);
    bench.gauge.begin(false);
    bench.gauge.reset();
    expect([bench.gauge.room, bench.gauge.lacks(1)]).toEqual([0, true]);
    expect(bench.gauge.send(bench.gauge.placeAsk(1)!)).toMatchObject({ used: 1 });
  });
});

describe("tokens", () => {
  const rate = { limit: 100, burst: 50 };

  test("are spent one by one, come back with what did not begin, and go back unused", () => {
    const bench = new Bench({ rate });
    const { gauge } = bench;
    const ask = gauge.tokenAsk(1)!;
    expect(ask.wanted).toBe(20);
    gauge.given(ask, { tokens: 20, waitMs: 0 });
    gauge.begin(false);
    gauge.begin(true);
    expect(gauge.room).toBe(18);
    gauge.undo(2, 1);
    expect([gauge.room, gauge.running]).toEqual([20, 0]);
    expect(gauge.staleTokens()).toBeNull();
    bench.now += 1_000;
    expect(gauge.staleTokens()).toMatchObject({ wanted: 0, returned: 20 });
    expect(gauge.mayBegin(false)).toBe(false);
  });

  test("an empty bucket is asked again when it has some, and not before", () => {
    const bench = new Bench({ rate });
    const { gauge } = bench;
    gauge.given(gauge.tokenAsk(30)!, { tokens: 0, waitMs: 10 });
    expect(gauge.lacks(30)).toBe(false);
    expect(gauge.waitMs).toBe(100);
    bench.now += 101;
    expect(gauge.lacks(30)).toBe(true);
  });

  test("a worker asks for its part of a block, and for all that it needs up to a block", () => {
    const { gauge } = new Bench({ rate });
    expect(gauge.tokenAsk(1, 8)!.wanted).toBe(3);
    expect(gauge.tokenAsk(7, 8)!.wanted).toBe(7);
    expect(gauge.tokenAsk(500, 8)!.wanted).toBe(20);
  });
});

test("while nobody can be asked nothing begins, and it is tried again", () => {
  const bench = new Bench({ concurrency: 3, rate: { limit: 5 } });
  bench.gauge.failed(1_000);
  expect([bench.gauge.lacks(1), bench.gauge.mayBegin(false)]).toEqual([false, false]);
  bench.now += 1_001;
  expect(bench.gauge.lacks(1)).toBe(true);
});
