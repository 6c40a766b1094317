import { expect, test } from "vitest";
import { compilePattern } from "../../../src/core/expression/pattern.ts";

test.each([
  ["a", 1],
  ["a{30}", 35],
  ["a{2,30}", 37],
  ["a{30,}", 36],
  ["(ab){2}", 14],
  ["((ab){2}){3}", 72],
  [String.raw`(\d{1,3}\.){3}\d{1,3}`, 81],
])("the size of %s covers its repeats written out", (source, size) => {
  expect(compilePattern(source)?.size).toBe(size);
});

test("work grows with the text and the pattern, and less steeply for a small one", () => {
  const small = compilePattern("^[a-z]+$")!;
  const large = compilePattern("^[a-z]+[0-9]{1,30}$")!;
  expect(small.costOf("a".repeat(200)) / small.costOf("a".repeat(99))).toBeCloseTo(2, 1);
  expect(large.costOf("a") / large.size).toBe(10 * (small.costOf("a") / small.size));
});

test.each([["a".repeat(1_025)], ["(a{100}){300}"], ["(?=a)"], ["("], ["(a)\\1"]])(
  "no pattern of ours: %.20s",
  (source) => {
    expect(compilePattern(source)).toBeNull();
  },
);
