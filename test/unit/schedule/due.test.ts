import { describe, expect, test } from "vitest";
import type { ScheduleSource } from "../../../src/core/definition/document.ts";
import { decideTick, jitterOf } from "../../../src/core/schedule/due.ts";
import { timingOf } from "../../../src/core/schedule/timing.ts";

const NOON = Date.UTC(2026, 5, 1, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function decide(
  fields: Partial<ScheduleSource>,
  late: { dueAt: number; now: number; held?: boolean },
): { start: number | null; next: number | null } {
  const source: ScheduleSource = { type: "schedule", every: "1h", ...fields };
  return decideTick({ source, timing: timingOf(source), held: false, ...late });
}

describe("what becomes of a tick that is due", () => {
  test.each(["none", "one", "all"] as const)("in time with catchUp %s: it is started", (catchUp) => {
    const due = { dueAt: NOON, now: NOON + MINUTE };
    expect(decide({ catchUp }, due)).toEqual({ start: NOON, next: NOON + HOUR });
  });

  test("one: the last of those that were missed is started", () => {
    const due = { dueAt: NOON, now: NOON + 5 * HOUR + 2 * MINUTE };
    expect(decide({}, due)).toEqual({ start: NOON + 5 * HOUR, next: NOON + 6 * HOUR });
  });

  test("all: each is started, from the oldest in the window", () => {
    const now = NOON + 5 * HOUR + 2 * MINUTE;
    expect(decide({ catchUp: "all" }, { dueAt: NOON, now })).toEqual({ start: NOON, next: NOON + HOUR });
    const passed = decide({ catchUp: "all", catchUpWindow: "2h" }, { dueAt: NOON, now });
    expect(passed).toEqual({ start: null, next: NOON + 4 * HOUR });
  });

  test("one: a tick that is older than the window is passed over", () => {
    const due = { dueAt: NOON, now: NOON + 30 * MINUTE };
    expect(decide({ catchUpWindow: "10m" }, due)).toEqual({ start: null, next: NOON + HOUR });
  });

  test("none: those that were missed are passed over, and the next one in time is not", () => {
    expect(decide({ catchUp: "none" }, { dueAt: NOON, now: NOON + 5 * HOUR })).toEqual({
      start: null,
      next: NOON + 5 * HOUR,
    });
  });

  test("one that has been held back was not missed", () => {
    const due = { dueAt: NOON, now: NOON + 5 * HOUR, held: true };
    expect(decide({ catchUp: "none" }, due)).toEqual({ start: NOON, next: NOON + HOUR });
  });

  test("a single time that was missed is made up for, and the schedule is over", () => {
    const source = { type: "schedule", at: new Date(NOON).toISOString() } as const;
    const due = { source, timing: timingOf(source), dueAt: NOON, now: NOON + 48 * HOUR, held: false };
    expect(decideTick(due)).toEqual({ start: NOON, next: null });
  });

  test("jitter does not make a tick late", () => {
    const source = { jitter: "10m", catchUp: "none" } as const;
    expect(decide(source, { dueAt: NOON, now: NOON + 10 * MINUTE }).start).toBe(NOON);
    expect(jitterOf({ type: "schedule", every: "1h", jitter: "10m" }, 0.5)).toBe(5 * MINUTE);
    expect(jitterOf({ type: "schedule", every: "1h" }, 0.5)).toBe(0);
  });
});
