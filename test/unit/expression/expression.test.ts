import { describe, expect, test } from "vitest";
import { compileExpression, parseExpression } from "../../../src/core/expression/compile.ts";
import type { Scope } from "../../../src/core/expression/expression.ts";
import { FlowForgeError } from "../../../src/core/errors.ts";

const scope: Scope = {
  input: {
    a: 1,
    none: null,
    text: "hello",
    total: 10.5,
    lines: [
      { sku: "x", n: 2 },
      { sku: "y", n: 3 },
    ],
  },
  nodes: { charge: { status: "succeeded", output: { cents: 200_000 }, error: null } },
  run: { id: "r1" },
};

const evaluate = (source: string, data: Scope = scope): unknown => compileExpression(source).evaluate(data);

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (FlowForgeError.is(error)) return error.code;
    throw error;
  }
  return "no error";
}

describe("values", () => {
  test.each([
    ["nodes.charge.output.cents > 100000", true],
    ["nodes.charge.status", "succeeded"],
    ["input.lines.map(l, l.sku)", ["x", "y"]],
    ["input.lines.filter(l, l.n > 2)[0].sku", "y"],
    ["input.lines.exists(l, l.n == 3)", true],
    ["input.lines.all(l, l.n > 1) && !has(input.q)", true],
    ["input.lines[1].sku", "y"],
    ['input["text"]', "hello"],
    ["size(input.lines) == 2", true],
    ['{"k": input.a}', { k: 1 }],
    ["cel.bind(v, input.a, v + 1)", 2],
    ['input.text.matches("^he")', true],
    ['input.text + "!"', "hello!"],
    ["run.id", "r1"],
    ["trigger.payload", null],
    ['["a", "b"].join() + input.lines.map(l, l.sku).join()', "abxy"],
    ['input[?"text"].orValue("none") + input.?missing.orValue("!")', "hello!"],
    ["input.lines.filter(l, has(l.sku) && !has(l.price)).size()", 2],
    ["(input.lines)[1].sku", "y"],
    ["((input.text))", "hello"],
    ["5 - (3 - 1) - 1", 2],
    ["-(-1) + (input.a)", 2],
    ["cel.bind(v0_, 5, input.lines.map(v1_, v0_ + v1_.n + input.a))", [8, 9]],
    ['{"a": {"b": [1]}} == {"a": {"b": [1]}}', true],
    ["9007199254740991", 9_007_199_254_740_991],
    ['timestamp("2026-01-02T03:04:05Z")', "2026-01-02T03:04:05.000Z"],
  ])("%s", (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  test.each([
    ["input.a + 1", 2],
    ["1 + input.a", 2],
    ["input.total / 2", 5.25],
    ["input.total - 1", 9.5],
    ["input.lines.map(l, l.n * 2)", [4, 6]],
    ["input.a % 2 == 1", true],
    ["input.a == 1", true],
    ["input.total >= 10", true],
    ["input.total % 3.5", 0],
  ])("numbers mix as in JSON: %s", (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });
});

describe("absent members", () => {
  test.each(["input.zz", "input.none.deep.er", "nodes.charge.error.message", "input.zz.constructor"])(
    "%s is null",
    (source) => expect(evaluate(source)).toBeNull(),
  );

  test("has() says whether a member is there", () => {
    expect(evaluate("has(input.a)")).toBe(true);
    expect(evaluate("has(input.zz)")).toBe(false);
    expect(evaluate("has(input.none)")).toBe(false);
  });

  test.each([
    "input.none > 3",
    "input.text.length",
    "input.lines.sku",
    "input.lines[7]",
    "1 / 0",
    "input.text * 2",
  ])("%s is an error all the same", (source) =>
    expect(codeOf(() => evaluate(source))).toBe("expression_failed"),
  );

  test("the error names the expression and the types, not the values", () => {
    expect(() => evaluate("input.none > 3", { input: { none: "s3cret" } })).toThrow(/string> > int/);
    expect(() => evaluate("input.none > 3", { input: { none: "s3cret" } })).not.toThrow(/s3cret/);
  });
});

describe("what does not compile", () => {
  test.each([
    ["1 +", 4],
    ["  nope", 3],
    ["input.a + nodes", 11],
    ["nodes[input.a].output", 1],
    ["process.env", 1],
    ["globalThis", 1],
    ["constructor", 1],
    ['"a" + 1', 1],
    ["[1].map(x, [1].map(y, [1].map(z, z)))", 23],
    ["(() => {})()", 3],
    ["input.a; input.b", 8],
  ])("%s, at column %i", (source, column) => {
    const { expression, problems } = parseExpression(source);
    expect(expression).toBeNull();
    expect(problems).toMatchObject([{ code: "expression_invalid", column, source }]);
    expect(codeOf(() => compileExpression(source))).toBe("expression_invalid");
  });

  test("a root that is not in scope", () => {
    expect(parseExpression("event.name", { roots: ["input"] }).problems[0]?.message).toContain('"event"');
    expect(parseExpression("event.name", { roots: ["event"] }).problems).toEqual([]);
  });

  test("too long a text", () => {
    const source = `input.a == "${"x".repeat(4_096)}"`;
    expect(parseExpression(source).problems[0]?.message).toContain("4096");
  });

  test("nesting of any depth is refused, not a crash", () => {
    for (const source of [
      "(".repeat(2_000) + "1" + ")".repeat(2_000),
      "!".repeat(4_000) + "true",
      "[".repeat(2_000),
    ]) {
      expect(parseExpression(source).expression).toBeNull();
    }
  });
});

describe("references", () => {
  test("are collected with node, member, path and column", () => {
    expect(compileExpression('input.a + nodes.x.output["b"].c + size(run.id)').references).toEqual([
      { root: "input", path: ["a"], column: 1 },
      { root: "nodes", node: "x", member: "output", path: ["b", "c"], column: 11 },
      { root: "run", path: ["id"], column: 40 },
    ]);
  });

  test("a macro's variable hides a root of the same name", () => {
    const expression = compileExpression("[1, 2].map(input, input + 1)");
    expect(expression.references).toEqual([]);
    expect(expression.evaluate({ input: "hidden" })).toEqual([2, 3]);
  });
});

describe("no way out", () => {
  test.each(["__proto__", "constructor", "prototype", "toString", "valueOf", "hasOwnProperty"])(
    "%s is no member",
    (name) => {
      expect(evaluate(`input.${name}`)).toBeNull();
      expect(evaluate(`input["${name}"]`)).toBeNull();
      expect(codeOf(() => evaluate(`input.lines.map(l, l.${name})`))).toBe("expression_failed");
      expect(codeOf(() => evaluate(`input.lines[0].${name}`))).toBe("expression_failed");
      expect(codeOf(() => evaluate(`input.text.${name}`))).toBe("expression_failed");
      expect(parseExpression(name).expression).toBeNull();
    },
  );

  test("an own member of any name is data", () => {
    const input = JSON.parse('{"__proto__": {"isAdmin": true}, "constructor": 5}') as Scope["input"] & object;
    expect(evaluate("input.constructor", { input })).toBe(5);
    expect(evaluate("input.__proto__.isAdmin", { input })).toBe(true);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  // Published escapes of other engines, in the form that they would take here.
  test.each([
    '(()=>{}).constructor("return process")()',
    "[...process.env]",
    "{[globalThis.process]:1}",
    "class extends process {}",
    'input.constructor.constructor("return this")()',
    "`${{toString(){return process}}}`",
    "Error.prepareStackTrace",
    'type(input).constructor("return process")()',
    'input.lines.map(l, l.constructor.constructor("return process")())',
    "import('node:fs')",
    "this.process",
    "require('fs')",
  ])("%s", (source) => {
    expect(["expression_invalid", "expression_failed"]).toContain(codeOf(() => evaluate(source)));
  });

  test("data that looks like an expression stays data", () => {
    expect(evaluate("input.a", { input: { a: "input.b" } })).toBe("input.b");
  });
});

describe("limits", () => {
  const list = Array.from({ length: 3_000 }, (_, i) => i);

  test("a nested loop is stopped by its step budget", () => {
    expect(() => evaluate("input.l.map(x, input.l.map(y, x * y)).size()", { input: { l: list } })).toThrow(
      /too many steps/,
    );
  });

  test("a loop within the budget ends", () => {
    expect(evaluate("input.l.map(x, x + 1).size()", { input: { l: list } })).toBe(3_000);
  });

  test("a regular expression is linear, however it is written", () => {
    expect(evaluate('input.s.matches("^(a+)+$")', { input: { s: `${"a".repeat(5_000)}!` } })).toBe(false);
    expect(evaluate('input.l.filter(s, s.matches("^(a+)+$"))', { input: { l: ["aa", "ab"] } })).toEqual([
      "aa",
    ]);
  });

  test("matches() is RE2 behind a comment too", () => {
    const source = 'input.s. // matches\n matches("^(a+)+$")';
    expect(evaluate(source, { input: { s: `${"a".repeat(5_000)}!` } })).toBe(false);
  });

  test("an integer that JSON cannot hold is an error", () => {
    expect(codeOf(() => evaluate("9007199254740991 * 2"))).toBe("expression_failed");
  });
});
