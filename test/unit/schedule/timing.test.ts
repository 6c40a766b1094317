import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lastTick, timingOf, timingProblem, type TimingFields } from "../../../src/core/schedule/timing.ts";
import { holds } from "../../support/properties.ts";

/** The ticks after one time up to another. */
function ticks(fields: TimingFields, from: string, to: string): string[] {
  const timing = timingOf(fields);
  const found: string[] = [];
  const until = Date.parse(to);
  for (let at = timing.nextTick(Date.parse(from)); at !== null && at <= until; at = timing.nextTick(at))
    found.push(new Date(at).toISOString().replace(":00.000Z", "Z"));
  return found;
}

const NEW_YORK = "America/New_York";
const BERLIN = "Europe/Berlin";

describe("nights when clocks change", () => {
  test.each([
    // 02:30 does not exist in New York on 8 March: it is due when the gap ends, at 03:00.
    [NEW_YORK, "30 2 * * *", "2026-03-07", ["2026-03-07T07:30Z", "2026-03-08T07:00Z", "2026-03-09T06:30Z"]],
    // 01:30 is there twice on 1 November: the first one counts.
    [NEW_YORK, "30 1 * * *", "2026-10-31", ["2026-10-31T05:30Z", "2026-11-01T05:30Z", "2026-11-02T06:30Z"]],
    [BERLIN, "30 2 * * *", "2026-03-28", ["2026-03-28T01:30Z", "2026-03-29T01:00Z", "2026-03-30T00:30Z"]],
    [BERLIN, "30 2 * * *", "2026-10-24", ["2026-10-24T00:30Z", "2026-10-25T00:30Z", "2026-10-26T01:30Z"]],
  ])("%s, %s from %s: once a day", (...[timeZone, cron, day, expected]) => {
    const from = `${day}T00:00:00Z`;
    const to = new Date(Date.parse(from) + 72 * 3_600_000 - 1).toISOString();
    expect(ticks({ cron, timeZone }, from, to)).toEqual(expected);
  });

  test.each([
    [NEW_YORK, "2026-03-08T05:00:00Z"],
    [NEW_YORK, "2026-11-01T04:00:00Z"],
    [BERLIN, "2026-03-28T23:00:00Z"],
    [BERLIN, "2026-10-24T22:00:00Z"],
  ])("%s, the night from %s: every quarter of an hour that passes", (timeZone, from) => {
    const to = new Date(Date.parse(from) + 6 * 3_600_000).toISOString();
    const expected = Array.from({ length: 24 }, (_, index) =>
      new Date(Date.parse(from) + (index + 1) * 900_000).toISOString().replace(":00.000Z", "Z"),
    );
    expect(ticks({ cron: "*/15 * * * *", timeZone }, from, to)).toEqual(expected);
  });

  test("ticks are one fixed series, wherever the asking begins", () => {
    const asked = fc.record({
      night: fc.constantFrom("2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2026-10-03"),
      cron: fc.constantFrom("30 1 * * *", "0,30 1,2 * * *", "*/20 1-3 * * *", "0 * * * *", "0 3 * * *"),
      timeZone: fc.constantFrom(NEW_YORK, BERLIN, "Australia/Lord_Howe"),
      offset: fc.integer({ min: 0, max: 30 * 3_600_000 }),
    });
    holds(asked, ({ night, offset, ...fields }) => {
      const timing = timingOf(fields);
      const midnight = Date.parse(`${night}T00:00:00Z`);
      const after = midnight - 6 * 3_600_000 + offset;
      let at = midnight - 48 * 3_600_000;
      while (at <= after) at = timing.nextTick(at)!;
      expect(timing.nextTick(after)).toBe(at);
    });
  });
});

describe("timings", () => {
  test("seconds, intervals and single times", () => {
    const minute = ["2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"] as const;
    expect(ticks({ cron: "*/20 * * * * *" }, ...minute)).toHaveLength(3);
    expect(ticks({ every: "15m" }, "2026-01-01T00:07:00Z", "2026-01-01T00:30:00Z")).toEqual([
      "2026-01-01T00:15Z",
      "2026-01-01T00:30Z",
    ]);
    const at = "2027-03-01T10:00:00+01:00";
    expect(ticks({ at }, "2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z")).toEqual(["2027-03-01T09:00Z"]);
    expect(timingOf({ at }).nextTick(Date.parse(at))).toBeNull();
  });

  test("a pattern without a zone is in UTC", () => {
    expect(ticks({ cron: "@daily" }, "2026-06-30T12:00:00Z", "2026-07-01T12:00:00Z")).toEqual([
      "2026-07-01T00:00Z",
    ]);
  });

  test("what is wrong is said as a sentence", () => {
    expect(timingProblem({ every: "1s" })).toBeNull();
    expect(timingProblem({ cron: "* * * * * *", timeZone: BERLIN })).toBeNull();
    expect(timingProblem({ cron: "0 0 31 2 *" })).toBe('"0 0 31 2 *" is never due.');
    expect(timingProblem({ cron: "61 * * * *" })).toBe('"61 * * * *" is not a cron pattern.');
    expect(timingProblem({ at: "tomorrow" })).toBe('"tomorrow" is not a point in time.');
  });

  test("the last tick is one within the span, and the next one is not", () => {
    const span = fc.record({
      cron: fc.constantFrom("* * 3 * * *", "*/7 * * * *", "0 0 29 2 *", "30 2 * * 1"),
      start: fc.integer({ min: 0, max: 300_000_000_000 }),
      length: fc.integer({ min: 0, max: 200_000_000 }),
    });
    holds(span, ({ cron, start, length }) => {
      const timing = timingOf({ cron, timeZone: BERLIN });
      const after = Date.UTC(2020, 0, 1) + start;
      const until = after + length;
      const last = lastTick(timing, after, until);
      if (last === null) {
        expect(timing.nextTick(after)! > until).toBe(true);
        return;
      }
      expect(timing.nextTick(last - 1)).toBe(last);
      expect(last > after && last <= until).toBe(true);
      expect(timing.nextTick(last)! > until).toBe(true);
    });
  });
});

test("the last tick of a span whose ticks are all at its beginning", () => {
  const timing = timingOf({ cron: "0-9 0 1 1 *" });
  const from = Date.UTC(2030, 0, 1);
  expect(lastTick(timing, from - 1, from + 300 * 86_400_000)).toBe(from + 9 * 60_000);
  // The last one is just in the middle of what is left.
  const twice = timingOf({ cron: "0 0,2 * * *" });
  expect(lastTick(twice, from - 1, from + 4 * 3_600_000)).toBe(from + 2 * 3_600_000);
});

test("a time that has passed, a pattern whose years are over, and no timing at all have no next tick", () => {
  const at = "2030-01-31T09:00:00Z";
  const time = Date.parse(at);
  expect(timingProblem({ at })).toBeNull();
  expect([timingOf({ at }).nextTick(time - 1), timingOf({ at }).nextTick(time)]).toEqual([time, null]);
  const years = timingOf({ cron: "0 0 0 1 1 * 2030" });
  expect(years.nextTick(time - 365 * 86_400_000)).toBe(Date.UTC(2030, 0, 1));
  expect(years.nextTick(time)).toBeNull();
  expect(timingOf({}).nextTick(0)).toBeNull();
});
