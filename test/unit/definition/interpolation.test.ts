/** What `expr`, `text` and references write, and what the engine makes of it. */
import { describe, expect, test } from "vitest";
import { makeExpr, makeText, templateOf } from "../../../src/core/definition/interpolation.ts";
import { makeRef, sourceOf, type Source } from "../../../src/core/definition/refs.ts";
import { compileTemplate } from "../../../src/core/expression/template.ts";
import type { Json } from "../../../src/core/json.ts";

const owner = { workflow: "w" };
const expr = makeExpr(owner);
const text = makeText(owner);
const input = makeRef({ expression: "input", reads: [], owner });
const members = input as object as Record<string, unknown>;
const at = (...steps: readonly (string | number)[]) => steps.reduce((ref, step) => ref.at(step), input);

const templated = (value: unknown): string => templateOf(sourceOf(value) as Source);
const scope = {
  input: { a: 1, s: "text", none: null, list: [10, { b: 2 }], "odd key": "odd", in: "word", at: "now" },
};
const rendered = (value: unknown): Json => compileTemplate(templated(value)).render(scope);

describe("references", () => {
  test.each<[string, unknown, Json]>([
    ["{{ input.a }}", at("a"), 1],
    ["{{ input.list[1].b }}", at("list", 1, "b"), 2],
    ['{{ input["odd key"] }}', at("odd key"), "odd"],
    ['{{ input["in"] }}', at("in"), "word"],
    ["{{ input.at }}", members.at, "now"],
    ["{{ input.a }}", at("a").orNull, 1],
    ["{{ input.none.deeper }}", at("none", "deeper"), null],
  ])("%s", (template, ref, value) => {
    expect(templated(ref)).toBe(template);
    expect(rendered(ref)).toEqual(value);
  });

  test("the same path is the same reference", () => {
    const { a } = input as unknown as Record<string, unknown>;
    expect(members.a).toBe(a);
  });
});

describe("expr", () => {
  test.each<[string, unknown, Json]>([
    ["{{ input.a + 1 }}", expr`${at("a")} + 1`, 2],
    ["{{ (input.a + 1) * 2 }}", expr`  ${expr`${at("a")} + 1`} * 2 `, 4],
    ["{{ input.a -(-5) }}", expr`${at("a")} -${-5}`, 6],
    [
      '{{ input.s == "text" ? [1, {"a": null}] : [] }}',
      expr`${at("s")} == ${"text"} ? ${[1, { a: null }]} : ${[]}`,
      [1, { a: null }],
    ],
    ['{{ input.s == "\\" || true || \\"" }}', expr`${at("s")} == ${'" || true || "'}`, false],
    ['{{ input.s.matches("^\\\\w+$") }}', expr`${at("s")}.matches("^\\w+$")`, true],
    ['{{ "}}" + "{{" }}', expr`${"}}"} + ${"{{"}`, "}}{{"],
    ["{{ 5 }}", expr`5`, 5],
  ])("%s", (template, expression, value) => {
    expect(templated(expression)).toBe(template);
    expect(rendered(expression)).toEqual(value);
  });
});

describe("text", () => {
  test.each<[string, unknown, Json]>([
    ["Order {{ input.a }}!", text`Order ${at("a")}!`, "Order 1!"],
    ['{{ "" }}{{ input.a }}', text`${at("a")}`, "1"],
    ["{{ input.a }}{{ input.s }}", text`${at("a")}${at("s")}`, "1text"],
    ["a{{ input.none }}b", text`a${at("none")}b`, "ab"],
    ["sum {{ input.a + 1 }}", text`sum ${expr`${at("a")} + 1`}`, "sum 2"],
    ["x y {{ input.a }} z", text`x ${text`y ${at("a")}`} z`, "x y 1 z"],
    ['n 5 true [1] {"a":1} ', text`n ${5} ${true} ${[1]} ${{ a: 1 }} ${null}`, 'n 5 true [1] {"a":1} '],
    ["", text``, ""],
    ["\\{{ input.a }}", text`{{ input.a }}`, "{{ input.a }}"],
    ["\\{{ {{ input.s }} }}", text`{{ ${at("s")} }}`, "{{ text }}"],
    ['{{ "{" }}{{ input.a }}}', text`{${at("a")}}`, "{1}"],
    ['a{{ "\\\\" }}{{ input.a }}', text`a\\${at("a")}`, "a\\1"],
    ['a{{ "\\\\{{" }}{{ input.a }}', text`a\\${"{{"}${at("a")}`, "a\\{{1"],
    ["line\n{{ input.a }}", text`line\n${at("a")}`, "line\n1"],
  ])("%j", (template, value, result) => {
    expect(templated(value)).toBe(template);
    expect(rendered(value)).toEqual(result);
  });
});
