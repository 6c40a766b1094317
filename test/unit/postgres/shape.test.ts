/** The names of the commit statements: two texts under one name would be one statement for the server. */
import { expect, test } from "vitest";
import { batchRows, shapeKey, shapeOf, type Shape } from "../../../src/postgres/commit-rows.ts";

test("every part of a statement has a letter of its own in its name", () => {
  const none = shapeOf(batchRows([]));
  const parts = Object.keys(none) as (keyof Shape)[];
  expect(Object.values(none).every((wanted) => !wanted)).toBe(true);
  const letters = parts.map((part) => shapeKey({ ...none, [part]: true }));
  expect(letters.every((letter) => letter.length === 1)).toBe(true);
  expect(new Set(letters).size).toBe(parts.length);
});
