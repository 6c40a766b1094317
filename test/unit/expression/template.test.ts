import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileTemplate, parseTemplate } from "../../../src/core/expression/template.ts";
import type { Json } from "../../../src/core/json.ts";

const scope = { input: { a: 1, s: "text", none: null, list: [1, { b: 2 }], braces: "{{ input.a }}" } };
const render = (template: Json): Json => compileTemplate(template).render(scope);

describe("templates", () => {
  test.each<[Json, Json]>([
    ["{{ input.a }}", 1],
    ["{{input.list}}", [1, { b: 2 }]],
    ["Order {{ input.a }} for {{input.s}}", "Order 1 for text"],
    ["a {{ input.none }} b", "a  b"],
    ["list: {{ input.list }}", 'list: [1,{"b":2}]'],
    ["\\{{ input.a }}", "{{ input.a }}"],
    ["\\{{ {{ input.a }}", "{{ 1"],
    ['{{ {"a": {"b": 1}} }}', { a: { b: 1 } }],
    ['{{ "}}" }}', "}}"],
    ["{{ '\\'}}' }}", "'}}"],
    ["plain", "plain"],
    [
      { a: ["{{ input.a }}", "x", { b: "{{ input.s }}!" }], c: null, d: 4.5 },
      { a: [1, "x", { b: "text!" }], c: null, d: 4.5 },
    ],
    [
      ["{{ input.none }}", "\\{{"],
      [null, "{{"],
    ],
    [
      { a: 1, b: "\\{{" },
      { a: 1, b: "{{" },
    ],
    [{ "{{ input.a }}": "{{ input.a }}" }, { "{{ input.a }}": 1 }],
  ])("%j", (template, expected) => {
    expect(render(template)).toEqual(expected);
  });

  test("what an expression yields is never looked at again", () => {
    expect(render("{{ input.braces }}")).toBe("{{ input.a }}");
    expect(render("> {{ input.braces }}")).toBe("> {{ input.a }}");
  });

  test("every problem is listed with its place and column", () => {
    const { template, problems } = parseTemplate({
      a: ["{{ nope }}", "x {{ 1 + }}"],
      b: { c: "half {{ open" },
    });
    expect(template).toBeNull();
    expect(problems).toMatchObject([
      { path: ["a", 0], column: 4 },
      { path: ["a", 1] },
      { path: ["b", "c"], column: 6, message: "{{ without }}" },
    ]);
    expect(() => compileTemplate("{{ nope }}")).toThrow(/nope/);
  });

  test("references carry their column in the whole text", () => {
    expect(compileTemplate("Order {{ input.a }}").references).toEqual([
      { root: "input", path: ["a"], column: 10 },
    ]);
  });

  test("nesting is limited", () => {
    let template: Json = "x";
    for (let i = 0; i < 200; i++) template = [template];
    expect(parseTemplate(template).problems[0]?.message).toContain("nested deeper than 64");
  });

  test("any JSON without braces renders to itself", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const template = JSON.parse(JSON.stringify(value).replaceAll("{{", "{")) as Json;
        expect(JSON.stringify(render(template))).toBe(JSON.stringify(template));
      }),
    );
  });

  test("keys of any name stay own members", () => {
    const template = JSON.parse('{"__proto__": {"isAdmin": "{{ input.a }}"}}') as Json;
    expect(JSON.stringify(render(template))).toBe('{"__proto__":{"isAdmin":1}}');
    expect(({} as { isAdmin?: unknown }).isAdmin).toBeUndefined();
  });
});
