import { expect, test } from "vitest";
import { compileExpression, parseExpression } from "../../../src/core/expression/compile.ts";
import { toJson } from "../../../src/core/expression/result.ts";
import { Steps } from "../../../src/core/expression/steps.ts";

const evaluate = (source: string): unknown => compileExpression(source).evaluate({ input: { n: 1, l: [1] } });

test.each([
  ['b"abc"', "a Uint8Array"],
  ['duration("1s")', "a Duration"],
  ["type(1)", "a Type"],
  ["optional.of(1)", "a Optional"],
  ["1.0 / 0.0", "Infinity"],
  ["0.0 / 0.0", "NaN"],
])("%s is no JSON", (source, what) => {
  expect(() => evaluate(source)).toThrow(`the result is ${what}, which JSON cannot hold`);
});

test.each([
  [undefined, "of type undefined"],
  [() => 1, "of type function"],
  [Object.create({ constructor: undefined }), "a value"],
  [new Map(), "a Map"],
])("%s is no JSON", (value, what) => {
  expect(() => toJson(value, new Steps())).toThrow(`the result is ${what}, which JSON cannot hold`);
});

test("times, whole numbers and objects without a prototype become JSON", () => {
  const value = Object.assign(Object.create(null) as object, { at: new Date(0), n: 2n });
  Object.defineProperty(value, "__proto__", { value: [1], enumerable: true });
  const json = toJson(value, new Steps());
  expect(JSON.stringify(json)).toBe('{"at":"1970-01-01T00:00:00.000Z","n":2,"__proto__":[1]}');
  expect(Object.getPrototypeOf(json)).toBe(Object.prototype);
});

test("a result has at most 64 levels", () => {
  let value: unknown = 1;
  for (let i = 0; i < 64; i++) value = [value];
  expect(toJson(value, new Steps())).toEqual(value);
  expect(() => toJson([value], new Steps())).toThrow("nested too deep");
});

test.each([
  ["input.n.x", 'a number has no member "x"'],
  ["input.l.x", 'a list has no member "x"'],
  ["input.l.first()", "found no matching overload"],
  ["input.n.matches('a')", "matches("],
])("%s fails with what it met", (source, message) => {
  expect(() => evaluate(source)).toThrow(message);
  expect(() => evaluate(source)).not.toThrow(/_\(/);
});

test("a long expression is shortened in its error", () => {
  const source = `input.n.x == "${"a".repeat(300)}"`;
  expect(() => evaluate(source)).toThrow(`${source.slice(0, 200)}...`);
});

test.each([
  ["cel", 'unknown variable "cel"'],
  ["cel.bind()", "no matching overload"],
  ["cel.bind(1, 2, 3)", "invalid variable argument"],
  ["cel.bind(x, 1)", "no matching overload"],
  ["cel.bind(x)", "no matching overload"],
  ['{"constructor": 1}', 'a map must not have the key "constructor"'],
  ['[{"a": {"__proto__": 1}}]', 'a map must not have the key "__proto__"'],
  ["has()", "no matching overload"],
  ["has(1)", "has() invalid argument"],
  ["cel.other(1)", "no matching overload"],
  ["input.l.map(1, 2)", "invalid predicate iteration variable"],
  ["'a'.matches(1)", "matches("],
])("%s does not compile", (source, message) => {
  const [problem] = parseExpression(source).problems;
  expect(problem?.message).toContain(message);
  expect(problem?.message).not.toMatch(/_\(/);
});
