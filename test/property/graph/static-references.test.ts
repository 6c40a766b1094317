/** The quick way to the references of a text finds what the parser finds, or nothing. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseExpression } from "../../../src/core/expression/compile.ts";
import { parseTemplate } from "../../../src/core/expression/template.ts";
import { staticReferences } from "../../../src/core/graph/static-references.ts";
import { holds } from "../../support/properties.ts";

const root = fc.constantFrom("input", "trigger", "nodes", "item", "index", "run", "event");
const other = fc.constantFrom("inputs", "node", "true", "null", "x", "cel", "1", '"input"', "");
const member = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom("a", "output", "error", "status", "_x9", "Z", "id") },
  fc.constantFrom(
    "in",
    "null",
    "true",
    "false",
    "as",
    "for",
    "if",
    "package",
    "__proto__",
    "toString",
    "9",
    "a-b",
    "a b",
  ),
);
const space = fc.constantFrom("", "", " ", "  ", "\t", "\n");
const path = fc
  .tuple(space, fc.oneof({ weight: 6, arbitrary: root }, other), fc.array(member, { maxLength: 5 }), space)
  .map(([before, first, members, after]) => `${before}${[first, ...members].join(".")}${after}`);
const rest = fc.constantFrom(
  "[0]",
  "[12].a",
  "[1][2].b.in",
  "[01]",
  "[1].true",
  "[-1]",
  "[1u]",
  '["a"]',
  '["a"][0]',
  "[9999999999]",
  "",
  "",
  "",
  " + 1",
  "[0]",
  "?.x",
  " ",
  "}",
  "{",
  "\\",
  "{{",
  "}}",
  '"',
  " // note",
  ".",
  "()",
);
const expression = fc.tuple(path, rest).map((parts) => parts.join(""));
const part = fc.oneof(
  { weight: 3, arbitrary: expression.map((text) => `{{${text}}}`) },
  fc.constantFrom("text", "{", "}", "\\", "\\{{", "}}", " ", "{{"),
);
const template = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(""));

test("of an expression", () => {
  let quick = 0;
  holds(
    expression,
    (text) => {
      const found = staticReferences(text, "expression");
      if (found === null) return;
      quick++;
      const { expression: parsed, problems } = parseExpression(text);
      expect(problems).toEqual([]);
      expect(found).toEqual(parsed?.references);
    },
    3_000,
  );
  expect(quick).toBeGreaterThan(100);
});

test("of a template", () => {
  let quick = 0;
  holds(
    template,
    (text) => {
      const found = staticReferences(text, "template");
      if (found === null) return;
      quick++;
      const { template: parsed, problems } = parseTemplate(text);
      expect(problems).toEqual([]);
      expect(found).toEqual(parsed?.references);
    },
    3_000,
  );
  expect(quick).toBeGreaterThan(100);
});

test("the ordinary ones are found the quick way", () => {
  expect(staticReferences("input", "expression")).toEqual([{ root: "input", path: [], column: 1 }]);
  expect(staticReferences(" nodes.a.output.b.c ", "expression")).toEqual([
    { root: "nodes", node: "a", member: "output", path: ["b", "c"], column: 2 },
  ]);
  expect(staticReferences("{{ input.a }} and {{nodes.b}}!", "template")).toEqual([
    { root: "input", path: ["a"], column: 4 },
    { root: "nodes", node: "b", path: [], column: 21 },
  ]);
  expect(staticReferences("nodes.a.output.lines[0].id", "expression")).toEqual([
    { root: "nodes", node: "a", member: "output", path: ["lines"], column: 1 },
  ]);
});

test.each([
  "nodes",
  "nodes ",
  "input.in",
  "input.a b",
  "inputs",
  "1 + input.a",
  `input${".a".repeat(21)}`,
  "",
])("%j is left to the parser", (text) => {
  expect(staticReferences(text, "expression")).toBeNull();
  expect(staticReferences(`{{ ${text} }}`, "template")).toBeNull();
});
