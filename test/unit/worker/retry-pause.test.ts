import { expect, test } from "vitest";
import { returnMs } from "../../../src/worker/retry-pause.ts";

test("a task that nobody here can take comes back soon at first, and less and less often", () => {
  expect([1, 2, 3, 6, 7, 1_000_000].map((dispatches) => returnMs(dispatches, 1))).toEqual([
    200, 400, 800, 5_000, 5_000, 5_000,
  ]);
  expect([1, 6].map((dispatches) => returnMs(dispatches, 0))).toEqual([100, 2_500]);
});
