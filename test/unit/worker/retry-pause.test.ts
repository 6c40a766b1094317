import { expect, test } from "vitest";
import { returnMs } from "../../../src/worker/retry-pause.ts";

const longest = (having: number, rounds: readonly number[]): number[] =>
  rounds.map((dispatches) => returnMs({ dispatches, having, random: 1 }));

test("a task that nobody can take comes back soon at first, and less and less often", () => {
  expect(longest(0, [1, 2, 3, 6, 7, 1_000_000])).toEqual([200, 400, 800, 5_000, 5_000, 5_000]);
  expect([1, 6].map((dispatches) => returnMs({ dispatches, having: 0, random: 0 }))).toEqual([100, 2_500]);
});

test("a task that somebody can take comes back soon until it should have found them", () => {
  expect(longest(1, [0, 1, 2, 3, 4])).toEqual([100, 100, 200, 200, 400]);
  expect(longest(1 / 2, [0, 3, 4, 7, 8])).toEqual([100, 100, 200, 200, 400]);
  expect(longest(1 / 100, [199, 200, 399, 400, 1_000_000])).toEqual([100, 200, 200, 400, 5_000]);
});
