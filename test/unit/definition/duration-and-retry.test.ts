import { describe, expect, test } from "vitest";
import { MAX_DURATION_MS, parseDuration, tryParseDuration } from "../../../src/core/definition/duration.ts";
import { DEFAULT_RETRY, parseRetry, resolveRetry } from "../../../src/core/definition/retry.ts";

describe("durations", () => {
  test.each<[string | number, number]>([
    ["500ms", 500],
    ["30s", 30_000],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["3d", 259_200_000],
    ["007s", 7_000],
    ["0d", 0],
    ["3650d", MAX_DURATION_MS],
    [0, 0],
    [1_500, 1_500],
    [MAX_DURATION_MS, MAX_DURATION_MS],
  ])("%j is %d ms", (value, ms) => {
    expect(tryParseDuration(value)).toBe(ms);
    expect(parseDuration(value, "x")).toBe(ms);
  });

  test.each<unknown>([
    "",
    "30",
    "s",
    "1.5s",
    "-1s",
    "1 s",
    " 1s",
    "1s ",
    "1S",
    "1w",
    "1s1s",
    "1e3s",
    "0x1s",
    "٣s",
    "9".repeat(16) + "s",
    "3651d",
    "999999999999999d",
    -1,
    0.5,
    Number.NaN,
    Infinity,
    1e308,
    MAX_DURATION_MS + 1,
    null,
    undefined,
    true,
    {},
    [],
    "1s\n",
  ])("%s is none", (value) => {
    expect(tryParseDuration(value)).toBeNull();
  });

  test("the error names the place, what came and what is right", () => {
    expect(() => parseDuration("soon", 'node "a" timeout')).toThrow(/node "a" timeout.*Received "soon".*90s/);
    expect(() => parseDuration("x".repeat(100), "a")).toThrow(/Received "x{40}\.\.\."/);
    expect(() => parseDuration(-5, "a")).toThrow(/Received -5/);
    expect(() => parseDuration(null as never, "a")).toThrow(/Received object.*\[duration_invalid\]/);
  });
});

describe("retry policies", () => {
  test("what is not named stays open for the next level", () => {
    expect(parseRetry({})).toEqual({});
    expect(parseRetry({ immediate: 0 })).toEqual({ immediate: 0 });
    expect(parseRetry({ backoff: ["1m", 5] })).toEqual({ backoffMs: [60_000, 5] });
  });

  test("for each field the nearest level wins", () => {
    expect(resolveRetry([])).toEqual(DEFAULT_RETRY);
    expect(resolveRetry([null, { immediate: 0 }, undefined, { immediate: 5, backoffMs: [] }])).toEqual({
      immediate: 0,
      backoffMs: [],
    });
  });

  test.each([
    [{ immediate: 11 }, /immediate.*0 to 10.*option_invalid/],
    [{ immediate: -1 }, /option_invalid/],
    [{ immediate: 0.5 }, /option_invalid/],
    [{ backoff: Array<number>(21).fill(1) }, /at most 20 pauses.*21 pauses/],
    [{ backoff: ["1m", "x"] }, /backoff\[1\].*duration_invalid/],
  ])("%j is refused", (retry, message) => {
    expect(() => parseRetry(retry, "here")).toThrow(message);
  });
});
