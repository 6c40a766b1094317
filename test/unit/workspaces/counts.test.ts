import { expect, test } from "vitest";
import { isNothing, NOTHING, sumOf } from "../../../src/core/ports/workspaces.ts";

const some = {
  runs: 1,
  versions: 2,
  schedules: 3,
  polls: 8,
  credentials: 4,
  dataKeys: 5,
  deliveries: 6,
  events: 9,
  keys: 7,
};

test("counts are added one by one, and nothing is nothing", () => {
  expect(sumOf(NOTHING, some)).toEqual(some);
  expect(sumOf(some, some)).toEqual({
    runs: 2,
    versions: 4,
    schedules: 6,
    polls: 16,
    credentials: 8,
    dataKeys: 10,
    deliveries: 12,
    events: 18,
    keys: 14,
  });
  expect([NOTHING, some, { ...NOTHING, keys: 1 }].map(isNothing)).toEqual([true, false, false]);
});
