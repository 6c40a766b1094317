/** Expressions of strangers: small texts that ask for much work or memory. All of them must end, and soon. */
import { describe, expect, test } from "vitest";
import { compileExpression } from "../../../src/core/expression/compile.ts";
import { Steps } from "../../../src/core/expression/steps.ts";
import { compileTemplate } from "../../../src/core/expression/template.ts";
import type { Json } from "../../../src/core/json.ts";

const text = "ab".repeat(500_000);
const list: readonly Json[] = Array.from({ length: 20_000 }, (_, i) => `${i}`);
const members = Object.fromEntries(list.map((item) => [`m${item as string}`, 1]));
const nested: Json = [list as Json, { list: list as Json }];
const input = { text, list: list as Json, few: list.slice(0, 500) as Json, members, nested };

const evaluate = (source: string): Json => compileExpression(source).evaluate({ input });

/** `cel.bind` upon `cel.bind`: each value made of two of the one before. */
function doubled(start: string, twice: (name: string) => string, last: string): string {
  const times = 25;
  let source = last.replaceAll("LAST", `x${times}`);
  for (let i = times; i > 0; i--) source = `cel.bind(x${i}, ${twice(`x${i - 1}`)}, ${source})`;
  return `cel.bind(x0, ${start}, ${source})`;
}

const sum = (name: string): string => `${name} + ${name}`;

describe("work is counted where it is done", () => {
  test.each([
    ["a loop in a loop", "input.list.map(x, input.list.map(y, 1))"],
    ["a loop in a function's argument", "size(input.list.map(x, input.list.map(y, 1)))"],
    ["texts taken apart", 'input.few.map(x, input.text.split("").size())'],
    ["texts searched", 'input.few.filter(x, input.text.contains("c"))'],
    ["texts searched for", "input.few.filter(x, x.contains(input.text))"],
    ["texts compared", "input.few.filter(x, input.text < input.text)"],
    ["texts counted", "input.few.map(x, size(input.text))"],
    ["members counted", "input.list.map(x, input.members.size())"],
    ["values compared", "input.few.filter(x, input.nested == input.nested)"],
    ["values told apart", "input.few.filter(x, input.nested != input.nested)"],
    ["values searched", "input.few.filter(x, input.nested in input.nested)"],
    ["lists searched", 'input.list.filter(x, "no" in input.list)'],
    ["lists joined", Array.from({ length: 200 }, () => "input.list").join(" + ")],
    ["lists doubled", doubled("[1]", sum, "LAST.size()")],
    ["texts doubled", doubled('"a"', sum, "LAST.size()")],
    ["members doubled", doubled("{'a': [1]}", (x) => `{'a': ${x}, 'b': ${x}}`, "LAST == LAST")],
    ["what is shared, written out", doubled("[1]", (x) => `[${x}, ${x}]`, "LAST")],
    ["members that are shared, written out", doubled("{}", (x) => `{'a': ${x}, 'b': ${x}}`, "LAST")],
    ["a pattern on a long text", 'input.text.matches("[ab]*a[ab]{500}c")'],
    ["a pattern compiled again and again", 'input.list.map(x, x.matches("(ab){500}"))'],
    ["bytes made of texts", "input.few.map(x, bytes(input.text).size())"],
  ])("%s", (_, source) => {
    expect(() => evaluate(source)).toThrow(/too many steps/);
  });

  test.each([
    ["a text in each text", 'input.few.map(x, input.text).join("")'],
    ["a long text between others", "input.few.join(input.text)"],
    ["a sum", Array.from({ length: 3 }, () => "input.text").join(" + ")],
  ])("a text that is too long: %s", (_, source) => {
    expect(() => evaluate(source)).toThrow(/too long a text/);
  });

  test.each([
    ["a pattern that is no pattern", 'input.text.matches("(")'],
    ["a pattern of other dialects", 'input.text.matches("(?=a)")'],
    ["a pattern that is too long", `input.text.matches("${"a".repeat(1_025)}")`],
    ["a pattern that repeats too much", `input.text.matches("(${"a".repeat(100)}){900}")`],
  ])("%s", (_, source) => {
    expect(() => evaluate(source)).toThrow(/matches\(\) was given a pattern/);
  });

  test("join() takes texts only", () => {
    const mixed = compileExpression('input.mixed.join(",")');
    expect(() => mixed.evaluate({ input: { mixed: ["a", 1] } })).toThrow(
      /join\(\) was given a list of more than texts/,
    );
    expect(() => evaluate('[1, 2].join(",")')).toThrow(/no matching overload .*\.join\(string\)/);
  });
});

describe("what people do is far from the limits", () => {
  test.each([
    ["input.list.filter(x, x.endsWith('7')).size()", 2_000],
    ["input.few.filter(x, x in ['1', '2']).size()", 2],
    ["input.few.filter(x, x.matches('^[0-9]{1,2}$')).size()", 100],
    ["input.few.map(x, x + '!').join(',').size()", 2_389],
    ["input.text.split('b').size()", 500_001],
    ["input.text.contains('c')", false],
    ["input.nested == input.nested", true],
    ["'7' in input.list && !('x' in input.list)", true],
    ["input.text == input.text && input.text <= input.text", true],
  ])("%s", (source, expected) => {
    expect(evaluate(source)).toBe(expected);
  });
});

describe("one allowance for many expressions", () => {
  const loop = compileExpression("input.list.map(x, 1).size()");

  test("what one has spent, the next cannot", () => {
    const steps = new Steps();
    for (let i = 0; i < 4; i++) expect(loop.evaluate({ input }, steps)).toBe(20_000);
    expect(() => loop.evaluate({ input }, steps)).toThrow(/too many steps/);
    expect(loop.evaluate({ input })).toBe(20_000);
  });

  test("the parts of a template share one", () => {
    const part = "{{ input.list.map(x, 1).size() }}";
    expect(compileTemplate([part, { part }, `${part}!`]).render({ input })).toEqual([
      20_000,
      { part: 20_000 },
      "20000!",
    ]);
    expect(() => compileTemplate(Array.from({ length: 5 }, () => part)).render({ input })).toThrow(
      /too many steps/,
    );
  });

  test("a joined text has a limit", () => {
    const template = compileTemplate("{{ input.text }} and {{ input.text }}");
    expect(() => template.render({ input })).toThrow(/too long a text/);
  });
});
