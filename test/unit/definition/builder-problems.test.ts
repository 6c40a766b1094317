/** What the builder refuses at run time: mistakes of JavaScript, and those that types cannot see. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineAction } from "../../../src/core/definition/action.ts";
import { defineWorkflow, type Workflow } from "../../../src/core/definition/workflow.ts";
import { FlowForgeError } from "../../../src/core/errors.ts";
import { DefinitionError } from "../../../src/core/graph/definition-error.ts";
import type { Issue } from "../../../src/core/graph/issues.ts";

const mail = defineAction({ name: "mail.send", run: () => null });

/** The builder as JavaScript sees it. */
interface Untyped {
  readonly input: UntypedRef;
  readonly fired: UntypedRef;
  action(id: string, action: unknown, input?: unknown, options?: unknown): UntypedNode;
  condition(id: string, cases: object, options?: unknown): UntypedNode;
  wait(id: string, settings: object): UntypedNode;
  trigger(id: string, source: object, options?: object): UntypedNode;
  expr(parts: TemplateStringsArray, ...values: unknown[]): object;
  text(parts: TemplateStringsArray, ...values: unknown[]): object;
}
interface UntypedRef {
  (...args: unknown[]): UntypedRef;
  [member: string]: UntypedRef;
}
interface UntypedNode {
  readonly output: UntypedRef;
  readonly error: UntypedRef;
  on(outcome: string): object;
}

function issuesOf(write: (builder: Untyped) => unknown, more: object = {}): readonly Issue[] {
  try {
    build(write, more);
  } catch (error) {
    expect(error).toBeInstanceOf(DefinitionError);
    expect(FlowForgeError.is(error) && error.code).toBe("definition_invalid");
    return (error as DefinitionError).issues;
  }
  return [];
}

function build(write: (builder: Untyped) => unknown, more: object = {}): Workflow {
  const definition: unknown = { name: "w", build: write, ...more };
  return defineWorkflow(definition);
}

const brief = (issues: readonly Issue[]): readonly string[] =>
  issues.map(({ code, path }) => `${code} ${path.join(".")}`);

describe("every problem at once", () => {
  test("of the builder, of the shape and of the graph", () => {
    const issues = issuesOf(
      ({ action, condition, wait, input, text }) => {
        action("a", mail, { when: new Date(0) });
        action("b", mail, null, { timeout: "soon", after: "a" });
        action("b", mail);
        condition("c", { yes: text`${input.x}`, no: "input.x", error: input.x });
        wait("d", { duration: "1h", signal: "x" });
      },
      { inputs: {}, input: { type: "object" } },
    );
    expect(brief(issues)).toEqual([
      "field_unknown inputs",
      "field_invalid input",
      "node_unknown nodes.b",
      "node_id_invalid nodes.b",
      "expression_invalid nodes.c.cases.0.if",
      "expression_invalid nodes.c.cases.1.if",
      "not_json nodes.a.input.when",
    ]);
    expect(issues[0]?.next).toContain('Did you mean "input"?');
    const shape = issuesOf(({ action, wait, condition, input }) => {
      action("b", mail, null, { timeout: "soon" });
      wait("d", { duration: "1h", signal: "x" });
      condition("e", { error: input.x });
    });
    expect(brief(shape)).toEqual([
      "duration_invalid nodes.b.timeout",
      "field_invalid nodes.d.for",
      "outcome_reserved nodes.e.cases.0.outcome",
    ]);
  });

  test("the error names the workflow, and a bad name too", () => {
    const definition: unknown = { build: () => null, name: 5 };
    expect(() => defineWorkflow(definition)).toThrow('workflow "(without a name)"');
    expect(() => defineWorkflow({ name: "no good", build: () => null })).toThrow('workflow "no good"');
    expect(() => defineWorkflow(null)).toThrow('workflow "(without a name)"');
    expect(() => defineWorkflow({ name: "empty" })).toThrow('workflow "empty"');
  });

  test("a JSON document is taken as it is", () => {
    const workflow = defineWorkflow({
      format: 1,
      name: "j",
      nodes: { w: { kind: "wait", for: { duration: 1 } } },
      edges: [],
    });
    expect(workflow).toMatchObject({ kind: "flowforge.workflow", name: "j", actions: [] });
    expect(workflow.document.edges).toEqual([{ from: "start", to: "w" }]);
  });

  test("constants are checked against the schemas of the actions", () => {
    const charge = defineAction({
      name: "charge",
      input: z.object({ cents: z.int().positive() }),
      run: () => null,
    });
    expect(brief(issuesOf(({ action }) => void action("a", charge, { cents: -5 })))).toEqual([
      "action_input_invalid nodes.a.input.cents",
    ]);
  });

  test("what `build` throws comes through, and so does a bad inline action", () => {
    const own = new Error("mine");
    expect(() =>
      build(() => {
        throw own;
      }),
    ).toThrow(own);
    expect(() => build(({ action }) => action("a", { run: 5 }))).toThrow(/action "w\/a", run/);
  });
});

describe("names of users are only names", () => {
  test.each(["__proto__", "constructor", "prototype", "toString ", "", "a-b", "x".repeat(65)])(
    "%j cannot be a node",
    (id) => {
      expect(brief(issuesOf(({ action }) => void action(id, mail)))).toContain(`node_id_invalid nodes.${id}`);
    },
  );

  test("`toString` can be a node, and `__proto__` in an input is refused", () => {
    expect(issuesOf(({ action }) => void action("toString", mail))).toEqual([]);
    const input: unknown = JSON.parse('{ "a": { "__proto__": { "polluted": true } } }');
    expect(brief(issuesOf(({ action }) => void action("a", mail, input)))).toEqual([
      "key_forbidden nodes.a.input.a.__proto__",
    ]);
  });
});

describe("references of other workflows", () => {
  let foreign: { ref: UntypedRef; expr: object; text: object; node: UntypedNode };
  build(({ action, input, expr, text }) => {
    const node = action("a", mail);
    foreign = {
      ref: node.output.id as UntypedRef,
      expr: expr`${input.x} + 1`,
      text: text`${input.x}!`,
      node,
    };
  });

  test("are found wherever they stand", () => {
    const issues = issuesOf(({ action, condition, wait, trigger, expr, text }) => {
      const a = action("a", mail, { deep: [foreign.ref] });
      action("b", mail, foreign.expr, { after: [a, foreign.node] });
      action("c", mail, foreign.text, { after: foreign.node.on("success") });
      condition("d", { yes: expr`${foreign.expr} > 1` });
      wait("e", { event: "x", match: foreign.ref });
      wait("f", { until: text`${foreign.text}` });
      trigger("g", { type: "event", name: "x", filter: foreign.expr }, { input: foreign.ref });
      return foreign.ref;
    });
    expect(brief(issues.slice(0, 11))).toEqual([
      "reference_unknown nodes.a.input.deep.0",
      "reference_unknown nodes.b.input",
      "node_unknown nodes.b",
      "reference_unknown nodes.c.input",
      "node_unknown nodes.c",
      "reference_unknown nodes.d.cases.0.if",
      "reference_unknown nodes.e.for.match",
      "reference_unknown nodes.f.for.until",
      "reference_unknown nodes.g.source.filter",
      "reference_unknown nodes.g.input",
      "reference_unknown output",
    ]);
    expect(issues[2]?.message).toContain('"a" in `after` is a node of another workflow');
  });
});

describe("a node that is open to starts nobody meant", () => {
  test("several ways and data from elsewhere need a word about the join", () => {
    const issues = issuesOf(({ action, condition, expr }) => {
      const z = action("z", mail);
      const c = condition("c", { yes: expr`true`, no: expr`false` });
      action("d", mail, z.output, { after: [c.on("yes"), c.on("no")] });
    });
    expect(brief(issues)).toEqual(["field_missing nodes.d.join"]);
    expect(issues[0]?.message).toContain('reads "z"');
  });

  test("two outcomes of the node that is read cannot both come", () => {
    const issues = issuesOf(({ action }) => {
      const z = action("z", mail);
      action("d", mail, [z.output, z.error], { after: action("y", mail) });
    });
    expect(brief(issues)).toEqual(["field_missing nodes.d.join"]);
  });
});

describe("references are no values", () => {
  const refused: readonly [string, (ref: UntypedRef) => unknown][] = [
    ["a sum", (ref) => (ref.a as never) + 1],
    ["a comparison", (ref) => (ref.a as never) > 1],
    ["a template text", (ref) => `${ref.a}`],
    ["a call", (ref) => ref.a?.()],
    ["at of nothing", (ref) => ref.at?.()],
    ["at of half", (ref) => ref.at?.(0.5)],
    ["at before the start", (ref) => ref.at?.(-1)],
    ["an assignment", (ref) => Object.assign(ref, { b: 1 })],
    ["a search", (ref) => "b" in ref],
    ["taking it apart", (ref) => Object.keys(ref)],
    ["a loop", (ref) => Array.from(ref as never)],
  ];

  test.each(refused)("%s is refused with what to do instead", (_, use) => {
    const issues = issuesOf(({ input }) => use(input.order as UntypedRef));
    expect(brief(issues)).toEqual(["expression_invalid "]);
    expect(issues[0]?.message).toMatch(/^`input\.order/);
    expect(issues[0]?.next).toContain("expr`");
  });

  test("awaiting one is refused", async () => {
    let awaited: Promise<unknown> | undefined;
    build(({ action, input }) => {
      action("a", mail);
      awaited = Promise.resolve(input.x);
    });
    await expect(awaited).rejects.toBeInstanceOf(DefinitionError);
  });

  test("an expression and a text have no value either", () => {
    expect(brief(issuesOf(({ expr }) => `${expr`1 + 1`}`))).toEqual(["expression_invalid "]);
    expect(issuesOf(({ text, input }) => `${text`a ${input.x}`}`)[0]?.message).toMatch(
      /^`a \{\{ input\.x \}\}`/,
    );
  });

  test("values that are no JSON are refused in expr and text", () => {
    expect(brief(issuesOf(({ expr }) => expr`1 + ${undefined}`))).toEqual(["expression_invalid "]);
    expect(brief(issuesOf(({ expr }) => expr`1 + ${() => 1}`))).toEqual(["expression_invalid "]);
    expect(issuesOf(({ expr }) => expr`1 + ${[{ constructor: 1 }]}`)[0]?.message).toContain("do not keep");
    expect(brief(issuesOf(({ text }) => text`${undefined}`))).toEqual(["expression_invalid "]);
    expect(brief(issuesOf(({ text }) => text`${Number.NaN}`))).toEqual(["expression_invalid "]);
    expect(brief(issuesOf(({ expr, text }) => expr`1 + ${text`a`}`))).toEqual(["expression_invalid "]);
  });

  test("nothing is added after `build` has returned", () => {
    let late: Untyped | undefined;
    build((builder) => {
      late = builder;
      builder.action("a", mail);
    });
    expect(() => late?.action("b", mail)).toThrow(/is added after `build` has returned/);
  });

  test("a value that holds itself, or is far too deep, is a problem with a path", () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect(issuesOf(({ action }) => void action("a", mail, circle))[0]?.code).toBe("limit_depth");
    let deep: unknown = "x";
    for (let level = 0; level < 200; level++) deep = [deep];
    expect(issuesOf(() => deep)[0]?.code).toBe("limit_depth");
  });
});
