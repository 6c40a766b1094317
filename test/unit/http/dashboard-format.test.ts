/** Numbers as the dashboard writes them for people. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytes, counted, duration, percent, rate, shortId } from "../../../src/http/dashboard/web/format.ts";

describe("a rate", () => {
  test.each([
    [0, "0 / day"],
    [2, "2 / s"],
    [0.5, "30 / min"],
    [1 / 60, "1 / min"],
    [0.055, "3.3 / min"],
    [0.001, "3.6 / h"],
    [0.00001, "0.9 / day"],
  ])("%d per second is %s", (perSecond, text) => {
    expect(rate(perSecond)).toBe(text);
  });

  test("is never so small or so large that it says nothing", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-4, max: 1e5, noNaN: true }), (perSecond) => {
        expect(rate(perSecond)).toMatch(/^[\d.,\u202f\u00a0]+ \/ (?:s|min|h|day)$/);
        expect(rate(perSecond)).not.toMatch(/^0(?:\.0)? /);
      }),
    );
  });
});

test.each([
  [-5, "0 ms"],
  [12.4, "12 ms"],
  [1_250, "1.25 s"],
  [999.7, "1.00 s"],
  [9_996, "10.0 s"],
  [59_960, "1 m"],
  [65_000, "1 m 5 s"],
  [3 * 86_400_000 + 4 * 3_600_000 + 59_000, "3 d 4 h"],
])("%d ms are %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test("shares, sizes and ids", () => {
  expect([0, 1, 1_200].map((many) => counted(many, "run"))).toEqual(["0 runs", "1 run", "1,200 runs"]);
  expect([0, 0.0001, 0.033, 0.5].map(percent)).toEqual(["0 %", "< 0.1 %", "3.3 %", "50 %"]);
  expect([0.9962, 0.9999, 1].map(percent)).toEqual(["99.6 %", "> 99.9 %", "100 %"]);
  expect([12, 2_048, 1_048_575, 3 * 1_048_576].map(bytes)).toEqual(["12 B", "2.0 KiB", "1.0 MiB", "3.0 MiB"]);
  expect(shortId("01a22843-a5da-73ac-b778-00616409a981")).toBe("…00616409a981");
  expect(shortId("short")).toBe("short");
});
