import { expect, test } from "vitest";
import { Steps } from "../../../src/core/expression/steps.ts";

/** Whether the value costs about so many steps: within one of them. */
function costs(count: (steps: Steps) => void, expected: number): void {
  expect(() => count(new Steps(expected + 1))).not.toThrow();
  expect(() => count(new Steps(expected - 1))).toThrow("the expression takes too many steps");
}

const items = Array.from({ length: 2_000 }, () => "a".repeat(100));
const members = Object.fromEntries(items.entries());

test.each([
  ["a text", "a".repeat(10_000), 100],
  ["a list, not its items", items, 100],
  ["an object, not its members", members, 100],
  ["bytes", new Uint8Array(2_000), 100],
])("the size of %s", (_, value, expected) => {
  costs((steps) => steps.spendOn(value), expected);
});

test.each([
  ["a list", items, 2_100],
  ["an object", members, 2_100],
  ["bytes", new Uint8Array(2_000), 100],
  ["levels", [[items], { items }], 4_200],
])("all that is in %s", (_, value, expected) => {
  costs((steps) => steps.spendDeeplyOn(value), expected);
});

test("scalars cost nothing", () => {
  const steps = new Steps(0);
  for (const value of [1, 2n, true, null, undefined, new Date(0)]) steps.spendDeeplyOn(value);
});
