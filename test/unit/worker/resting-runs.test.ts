import { expect, test } from "vitest";
import { RestingRuns } from "../../../src/worker/resting-runs.ts";

const MIB = 1 << 20;

test("a thousand runs are kept, and then the one that has rested longest goes", () => {
  const resting = new RestingRuns();
  for (let n = 0; n < 1_000; n++) expect(resting.add(`r${n}`, 1)).toEqual([]);
  expect(resting.add("r0", 1)).toEqual([]);
  expect(resting.add("more", 1)).toEqual(["r1"]);
  resting.delete("r2");
  expect(resting.add("again", 1)).toEqual([]);
});

test("their values have 64 MiB together: a large run makes several go, and one that is larger is not kept", () => {
  const resting = new RestingRuns();
  for (const id of ["a", "b", "c", "d"]) expect(resting.add(id, 16 * MIB)).toEqual([]);
  expect(resting.add("e", 20 * MIB)).toEqual(["a", "b"]);
  // It has grown.
  expect(resting.add("e", 30 * MIB)).toEqual([]);
  expect(resting.add("f", 65 * MIB)).toEqual(["c", "d", "e", "f"]);
  expect(resting.add("g", 64 * MIB)).toEqual([]);
  resting.clear();
  expect(resting.add("h", 64 * MIB)).toEqual([]);
});
