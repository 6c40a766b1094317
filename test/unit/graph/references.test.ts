/** What expressions may read, and what they are told about it. */
import { describe, expect, test } from "vitest";
import { validateWorkflow } from "../../../src/core/graph/validate.ts";
import { brief, check, condition, edges, reads, step, trigger, workflow } from "./documents.ts";

function briefOf(nodes: object, ...written: readonly string[]): readonly string[] {
  return brief(check({ nodes, edges: edges(...written) }));
}

const READ = "nodes.r.input.read.0";

describe("nodes", () => {
  test("before the reader, by any path of edges, may be read; others not", () => {
    const nodes = (...expressions: readonly string[]): object => ({
      s: trigger,
      a: step,
      b: step,
      c: step,
      r: reads(...expressions),
      after: step,
      beside: step,
    });
    const written = ["s -> a", "a -> b", "b -error-> c", "c -> r", "r -> after", "a -> beside"];
    for (const id of ["s", "a", "b", "c"]) {
      expect(briefOf(nodes(`nodes.${id}.status`), ...written), id).toEqual([]);
    }
    for (const id of ["after", "beside"]) {
      expect(briefOf(nodes(`nodes.${id}.status`), ...written), id).toEqual([
        `reference_not_ancestor ${READ}`,
      ]);
    }
  });

  test("the reader itself is told so", () => {
    const { issues } = check({ nodes: { r: reads("nodes.r.output") } });
    expect(issues).toMatchObject([
      { code: "reference_not_ancestor", message: '"r" reads itself.', next: "Read another node.", column: 4 },
    ]);
  });

  test("each of several references in one text has its column", () => {
    const text = "{{ nodes.x.output }} {{ nodes.y.output + 1 }} {{ [nodes.z.output] }}";
    const { issues } = check({ nodes: { r: { ...step, input: text } } });
    expect(issues.map(({ code, path, column }) => ({ code, path, column }))).toEqual(
      [4, 25, 51].map((column) => ({ code: "reference_unknown", path: ["nodes", "r", "input"], column })),
    );
  });

  test("have an output, an error and a status, and nothing else", () => {
    const { issues } = check({
      nodes: { a: step, r: reads("nodes.a.outptu", "nodes.a.status", "nodes.a.error", "nodes.a") },
      edges: edges("a -> r"),
    });
    expect(brief({ issues })).toEqual([`reference_unknown ${READ}`]);
    expect(issues[0]).toMatchObject({
      message: 'A node has no "outptu".',
      next: 'Use nodes.a.output, .error or .status. Did you mean "output"?',
    });
  });

  test("the output of the workflow may read them all, and only those that are there", () => {
    const output = { a: "{{ nodes.a.output }}", b: ["{{ nodes.b.output }}"], c: "{{ nodes.c.output }}" };
    const { issues } = check({ nodes: { a: step, b: step }, edges: edges("a -> b"), output });
    expect(brief({ issues })).toEqual(["reference_unknown output.c"]);
  });

  test("on a circle come before each other, so that only the circle is reported", () => {
    const nodes = {
      s: trigger,
      a: reads("nodes.b.output"),
      b: reads("nodes.a.output"),
      r: reads("nodes.b.output"),
    };
    expect(briefOf(nodes, "s -> a", "a -> b", "b -> a", "b -> r")).toEqual(["cycle edges.2"]);
  });

  test("far before are found, over thousands of nodes and thousands that are read", () => {
    const count = 6_000;
    const ids = Array.from({ length: count }, (_, index) => `n${index}`);
    // A ladder: two rows of nodes, each leading to both of the next, so that a short search does not get far.
    const nodes = Object.fromEntries(
      ids.map((id, index) => [id, index < 200 ? step : reads(`nodes.n${index - 200}.status`)]),
    );
    const written = ids.flatMap((from, index) =>
      [2, 3].map((far) => ({ from, to: `n${index - (index % 2) + far}` })),
    );
    const inside = written.filter(({ to }) => Object.hasOwn(nodes, to));
    expect(check({ nodes, edges: inside }).issues).toEqual([]);
    const backwards = { ...nodes, n0: reads("nodes.n5000.status"), n5000: reads("nodes.n5001.status") };
    expect(brief(check({ nodes: backwards, edges: inside }))).toEqual([
      "reference_not_ancestor nodes.n0.input.read.0",
      "reference_not_ancestor nodes.n5000.input.read.0",
    ]);
  });
});

describe("scopes", () => {
  const wait = (waitFor: object): object => ({ kind: "wait", for: waitFor });

  test.each<[string, object, string, readonly string[]]>([
    ["the input of a trigger", { kind: "trigger", input: "{{ $ }}" }, "input", ["trigger"]],
    [
      "the filter of a trigger",
      { kind: "trigger", source: { type: "event", name: "e", filter: "$" } },
      "source.filter",
      ["trigger", "event"],
    ],
    ["the input of an action", { ...step, input: "{{ $ }}" }, "input", ["input", "trigger", "run"]],
    ["a case", condition({ yes: "$" }), "cases.0.if", ["input", "trigger", "run"]],
    ["an until", wait({ until: "{{ $ }}" }), "for.until", ["input", "trigger", "run"]],
    ["a match", wait({ event: "e", match: "$" }), "for.match", ["input", "trigger", "run", "event"]],
  ])("%s", (...[, node, path, allowed]) => {
    for (const root of ["input", "trigger", "run", "event", "item", "index"]) {
      const written = JSON.parse(JSON.stringify(node).replace("$", root)) as object;
      const issues = brief(check({ nodes: { r: written } })).filter((issue) => issue.startsWith("reference"));
      expect(issues, root).toEqual(allowed.includes(root) ? [] : [`reference_out_of_scope nodes.r.${path}`]);
    }
  });

  test("a trigger cannot read nodes", () => {
    expect(
      brief(
        check({
          nodes: { s: { kind: "trigger", input: "{{ nodes.a.output }}" }, a: step },
          edges: edges("s -> a"),
        }),
      ),
    ).toEqual(["reference_out_of_scope nodes.s.input"]);
  });

  test("other sources of a trigger and waits for signals and durations have no expressions", () => {
    const webhook = { kind: "trigger", source: { type: "webhook", path: "{{ x" } };
    expect(briefOf({ a: webhook })).toEqual(["name_invalid nodes.a.source.path"]);
    expect(briefOf({ a: { kind: "trigger", source: { type: "schedule", cron: "{{ x" } } })).toEqual([
      "field_invalid nodes.a.source",
    ]);
    expect(briefOf({ a: wait({ signal: "go" }), b: wait({ duration: 1 }), c: wait({ event: "e" }) })).toEqual(
      [],
    );
  });
});

describe("texts", () => {
  test.each<[string, string, string, number]>([
    ["a template without end", "a {{ input.b", "template_invalid", 3],
    ["a template whose end is inside a text", '{{ "}}"', "template_invalid", 1],
    ["an expression without end", "a {{ 1 + }} b", "expression_invalid", 10],
    ["an unknown name", "{{ inptu.a }}", "expression_invalid", 4],
    ["nothing between the braces", "{{ }}", "expression_invalid", 4],
    ["an unknown function", "{{ shout(input.a) }}", "expression_invalid", 3],
    ["nodes without a name", "{{ size(nodes) }}", "expression_invalid", 9],
  ])("%s", (...[, text, code, column]) => {
    const { issues } = check({ nodes: { r: { ...step, input: { deep: [text] } } } });
    expect(issues).toMatchObject([{ code, column, path: ["nodes", "r", "input", "deep", 0] }]);
  });

  test("an escaped template is a text", () => {
    expect(briefOf({ r: { ...step, input: "\\{{ nodes.none.output" } })).toEqual([]);
  });

  test("bare expressions have no braces", () => {
    expect(briefOf({ r: condition({ yes: "nodes.none.output" }), b: step }, "r -> b")).toEqual([
      "reference_unknown nodes.r.cases.0.if",
    ]);
  });

  test("the limit of length is for each expression alone, and for plain paths too", () => {
    const limits = { maxExpressionLength: 13 };
    const document = (text: string): object => workflow({ nodes: { r: { ...step, input: text } } });
    expect(
      brief(validateWorkflow(document("{{ input.abcde }} {{ input.abcde }}"), undefined, limits)),
    ).toEqual([]);
    expect(brief(validateWorkflow(document("{{ input.abcdefg }}"), undefined, limits))).toEqual([
      "limit_expression nodes.r.input",
    ]);
    expect(brief(check({ nodes: { r: { ...step, input: `{{ input.${"a".repeat(4_100)} }}` } } }))).toEqual([
      "limit_expression nodes.r.input",
    ]);
  });
});

describe("maybe_null", () => {
  const hinted = [`maybe_null ${READ}`];
  const read = reads("nodes.a.output.id");
  const wait = (more: object): object => ({ kind: "wait", for: { signal: "go", timeout: "1d" }, ...more });

  test.each<[string, object, readonly string[], boolean]>([
    ["just before", { a: step, r: read }, ["a -> r"], false],
    ["far before", { a: step, b: step, c: step, r: read }, ["a -> b", "b -> c", "c -> r"], false],
    ["behind its error", { a: step, r: read }, ["a -error-> r"], true],
    ["behind both its ends", { a: step, r: read }, ["a -> r", "a -error-> r"], true],
    ["where its error goes elsewhere", { a: step, b: step, r: read }, ["a -> r", "a -error-> b"], false],
    ["where both ways meet again", { a: step, b: step, r: read }, ["a -> b", "a -error-> r", "b -> r"], true],
    [
      "in one branch of a condition, read in that branch",
      { c: condition({ yes: "true" }), a: step, r: read },
      ["c -yes-> a", "c -else-> r", "a -> r"],
      true,
    ],
    [
      "before a condition",
      { a: step, c: condition({ yes: "true" }), b: step, r: read },
      ["a -> c", "c -yes-> b", "c -else-> r", "b -> r"],
      false,
    ],
    [
      "in a branch that the reader needs too",
      { c: condition({ yes: "true" }), a: step, b: step, r: { ...read, join: "all" } },
      ["c -yes-> a", "c -else-> b", "a -> r", "b -> r"],
      false,
    ],
    ["a wait that may time out", { a: wait({}), r: read }, ["a -> r", "a -timeout-> r"], true],
    [
      "a wait that times out in silence",
      { a: wait({ onTimeout: "skip" }), b: step, r: read },
      ["a -> b", "b -> r"],
      false,
    ],
    [
      "beside the winner of a first join",
      { a: step, b: step, r: { ...read, join: "first" } },
      ["a -> r", "b -> r"],
      true,
    ],
    ["the only way to a first join", { a: step, r: { ...read, join: "first" } }, ["a -> r"], false],
    [
      "before what races to a first join",
      { a: step, b: step, c: step, r: { ...read, join: "first" } },
      ["a -> b", "a -> c", "b -> r", "c -> r"],
      false,
    ],
    [
      "behind a first join that it may outlast",
      { a: step, b: step, j: { ...step, join: "first" }, r: read },
      ["a -> j", "b -> j", "j -> r"],
      true,
    ],
    [
      "after a first join",
      { b: step, c: step, j: { ...step, join: "first" }, a: step, d: step, r: read },
      ["b -> j", "c -> j", "j -> a", "a -> d", "d -> r"],
      false,
    ],
    ["a wait whose timeout is a failure", { a: wait({}), r: read }, ["a -> r"], false],
  ])("%s", (...[, nodes, written, doubtful]) => {
    const { ok, issues } = check({ nodes, edges: edges(...written) });
    expect(ok).toBe(true);
    expect(brief({ issues }).filter((issue) => !issue.startsWith("condition"))).toEqual(
      doubtful ? hinted : [],
    );
  });

  test.each([
    "nodes.a.output == null ? 0 : nodes.a.output.id",
    "has(nodes.a.output.id)",
    "nodes.a.status",
    "nodes.a.error",
  ])("an expression that knows of null, or reads something else, is left alone: %s", (text) => {
    expect(briefOf({ a: step, r: reads(text) }, "a -> r", "a -error-> r")).toEqual([]);
  });

  test("one of two triggers may not have fired", () => {
    const nodes = { s: trigger, t: trigger, a: step, r: read };
    expect(briefOf(nodes, "s -> a", "a -> r", "t -> r")).toEqual(hinted);
  });

  test("the output of the workflow waits for late branches, but not for what was called off", () => {
    const output = "{{ nodes.a.output }}";
    const nodes = (join: object | string): object => ({ a: step, b: step, j: { ...step, join } });
    const hints = (join: object | string): readonly string[] =>
      brief(check({ nodes: nodes(join), edges: edges("a -> j", "b -> j"), output }));
    expect(hints("first")).toEqual([]);
    expect(hints({ first: true, cancelOthers: true })).toEqual(["maybe_null output"]);
  });

  test("the output of the workflow reads what may have been skipped", () => {
    const output = "{{ nodes.a.output }}{{ nodes.b.output }}";
    const nodes = { c: condition({ yes: "true" }), a: step, b: step };
    const { issues } = check({ nodes, edges: edges("c -yes-> a", "c -else-> b"), output });
    expect(brief({ issues })).toEqual(["maybe_null output", "maybe_null output"]);
    expect(issues.map(({ column }) => column)).toEqual([4, 24]);
  });

  test("is not said of a document with damaged nodes, of which little is known", () => {
    const nodes = { a: step, r: read, x: { kind: "acton" } };
    expect(briefOf(nodes, "a -> r", "a -error-> r")).toEqual(["kind_unknown nodes.x.kind"]);
  });
});

describe("fields of the input", () => {
  const closed = { additionalProperties: false };
  const object = (properties: object, more: object = {}): object => ({ type: "object", properties, ...more });
  const text = { type: "string" };
  const person = object({ name: text, address: object({ city: text }, closed) });

  test.each<[string, object, string, "known" | "undeclared" | "unknown"]>([
    ["a field", person, "input.name", "known"],
    ["a field of a field", person, "input.address.city", "known"],
    ["no field, where others are allowed", person, "input.nmae", "undeclared"],
    ["no field, where others are not", person, "input.address.ctiy", "unknown"],
    ["the whole input", person, "input", "known"],
    ["below a text", person, "input.name.first", "known"],
    ["no fields listed", { type: "object" }, "input.x.y", "known"],
    ["an empty schema", {}, "input.x", "known"],
    ["no fields at all", closed, "input.x", "unknown"],
    ["other fields of a form", { additionalProperties: person }, "input.x.nmae", "undeclared"],
    ["other fields of any form", { properties: {}, additionalProperties: true }, "input.x.y", "known"],
    [
      "fields by pattern",
      { patternProperties: { "^x": text }, additionalProperties: false },
      "input.x",
      "known",
    ],
    ["a field of any form", object({ a: true }), "input.a.b", "known"],
    ["a field that is never there", object({ a: false }), "input.a.b", "known"],
    ["several forms, one has it", { anyOf: [person, object({ id: text }, closed)] }, "input.id", "known"],
    [
      "several forms, one allows it",
      { anyOf: [person, object({ id: text }, closed)] },
      "input.x",
      "undeclared",
    ],
    [
      "several forms, none allows it",
      { oneOf: [object({}, closed), object({ id: text }, closed)] },
      "input.x",
      "unknown",
    ],
    ["forms of any kind", { anyOf: [true, person] }, "input.x", "known"],
    ["an optional object", { anyOf: [{ type: "null" }, object({ a: text }, closed)] }, "input.b", "unknown"],
    ["only null", { anyOf: [{ type: "null" }] }, "input.b", "known"],
    ["all of several", { allOf: [object({}, closed)] }, "input.x", "known"],
    ["a reference", { $ref: "#/$defs/p", $defs: { p: person } }, "input.address.x", "unknown"],
    ["more forms than are looked at", { anyOf: Array(70).fill(object({}, closed)) }, "input.x", "known"],
    [
      "a tree",
      object({ child: { $ref: "#" }, name: text }, closed),
      "input.child.child.child.nmae",
      "unknown",
    ],
  ])("%s", (...[, input, expression, verdict]) => {
    const { issues } = check({ nodes: { r: reads(expression) }, input });
    expect(brief({ issues })).toEqual(verdict === "known" ? [] : [`input_field_${verdict} ${READ}`]);
  });

  test("the fields that there are are listed", () => {
    const { issues } = check({
      nodes: { r: reads("input.address.ctiy", "input.x") },
      input: object({ address: person }, closed),
    });
    expect(issues.map(({ next }) => next)).toEqual([
      "Use one of name, address, or add it to the schema.",
      "Use one of address, or add it to the schema.",
    ]);
    const none = check({ nodes: { r: reads("input.x") }, input: closed });
    expect(none.issues[0]?.next).toBe("Use one of no fields, or add it to the schema.");
  });
});
