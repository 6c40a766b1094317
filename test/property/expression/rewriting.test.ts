/** What we write into expressions changes nothing in what they mean. See `test/support/properties.ts` for how to replay a failure. */
import { Environment } from "@marcbachmann/cel-js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseExpression } from "../../../src/core/expression/compile.ts";
import type { Json } from "../../../src/core/json.ts";
import { holds } from "../../support/properties.ts";

/** Whole numbers only: there CEL and JSON calculate alike. */
const input = {
  a: 7n,
  b: -3n,
  yes: true,
  no: false,
  text: "ab",
  other: "b",
  list: [1n, 2n, 3n],
  words: ["a", "ab", "c"],
  deep: { text: "ab", list: [4n] },
};

const { number, truth, text, numbers, words } = fc.letrec<{
  number: string;
  truth: string;
  text: string;
  numbers: string;
  words: string;
}>((tie) => {
  const [number, truth, text] = [tie("number"), tie("truth"), tie("text")];
  const [numbers, words] = [tie("numbers"), tie("words")];
  const made = (parts: fc.Arbitrary<string>[], write: (...parts: string[]) => string) =>
    fc.tuple(...parts).map((values) => write(...values));
  const infix = (operators: readonly string[], operand: fc.Arbitrary<string>) =>
    fc.tuple(operand, fc.constantFrom(...operators), operand).map((parts) => parts.join(" "));
  const choice = (part: fc.Arbitrary<string>) => made([truth, part, part], (a, b, c) => `${a} ? ${b} : ${c}`);
  const group = (part: fc.Arbitrary<string>) => part.map((inner) => `(${inner})`);
  const bound = (part: fc.Arbitrary<string>, value: fc.Arbitrary<string>) =>
    made([value, part], (a, b) => `cel.bind(v0_, ${a}, ${b})`);
  return {
    number: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.constantFrom("0", "1", "2", "-5", "input.a", 'input["b"]', "input.deep.list[0]"),
      infix(["+", "-", "*", "/", "%"], number),
      group(infix(["+", "-", "*", "/", "%"], number)),
      infix(["-", "/"], group(number)),
      number.map((inner) => `-(${inner})`),
      choice(group(number)),
      numbers.map((inner) => `(${inner}).size()`),
      text.map((inner) => `size(${inner})`),
      bound(number, text),
    ),
    truth: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.constantFrom("true", "false", "input.yes", "input.no"),
      infix(["&&", "||", "==", "!="], truth),
      infix(["&&", "||", "==", "!="], group(infix(["&&", "||", "==", "!="], truth))),
      infix(["==", "!=", "<", "<=", ">", ">="], number),
      infix(["==", "!=", "<", ">="], text),
      infix(["==", "!="], numbers),
      made([number, numbers], (a, b) => `${a} in ${b}`),
      made([text, words], (a, b) => `${a} in (${b})`),
      truth.map((inner) => `!(${inner})`),
      choice(group(truth)),
      made([text, text], (a, b) => `(${a}).startsWith(${b})`),
      made([numbers, number], (a, b) => `(${a}).exists(a, a > ${b})`),
      made([words], (a) => `(${a}).all(input, input.matches("^[ab]+$"))`),
    ),
    text: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.constantFrom('"a"', "'}}'", 'r"\\d"', '"\\u00e4"', "input.text", "input.deep.text"),
      infix(["+"], text),
      group(text),
      choice(group(text)),
      number.map((inner) => `string(${inner})`),
      words.map((inner) => `(${inner}).join(",")`),
    ),
    numbers: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.constantFrom("input.list", "[]", "[1, 2]", "input.deep.list"),
      infix(["+"], numbers),
      group(numbers),
      made([numbers, number], (a, b) => `(${a}).map(a, a * 2 + ${b})`),
      made([numbers, truth], (a, b) => `(${a}).filter(v1_, v1_ > 1 || ${b})`),
      made([number, number], (a, b) => `[${a}, ${b}]`),
    ),
    words: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.constantFrom("input.words", '["x"]'),
      infix(["+"], words),
      text.map((inner) => `(${inner}).split("b")`),
      made([text, text], (a, b) => `[${a}, ${b}]`),
    ),
  };
});

const plain = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false });

/** What CEL itself makes of it; `undefined` where it fails. */
function meaning(source: string): Json | undefined {
  try {
    return asJson(plain.parse(source)({ input }));
  } catch {
    return undefined;
  }
}

function asJson(value: unknown): Json {
  return JSON.parse(
    JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? Number(part) : part)),
  ) as Json;
}

test("an expression means what CEL says it means", () => {
  let compared = 0;
  const expressions = fc.oneof(number, truth, text, numbers, words);
  const check = (source: string): void => {
    const expected = meaning(source);
    const { expression } = parseExpression(source);
    if (expected === undefined || !expression) return;
    compared++;
    expect(asJson(expression.evaluate({ input: input as unknown as Json }))).toEqual(expected);
  };
  holds(expressions, check, 3_000);
  expect(compared).toBeGreaterThan(1_500);
});
