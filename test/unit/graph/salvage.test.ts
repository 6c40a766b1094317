/** A problem in one place does not hide those in another. */
import { describe, expect, test } from "vitest";
import { validateWorkflow } from "../../../src/core/graph/validate.ts";
import { brief, catalogue, check, condition, edges, reads, step, trigger, workflow } from "./documents.ts";

function briefOf(nodes: object, ...written: readonly unknown[]): readonly string[] {
  const all = written.flatMap((edge) => (typeof edge === "string" ? edges(edge) : [edge]));
  return brief(check({ nodes, edges: all }));
}

test("problems of shape, graph, actions and expressions come together, in this order", () => {
  const document = {
    format: 2,
    name: "my workflow",
    nodes: {
      s: { kind: "trigger" },
      a: { kind: "action", action: "chrage", timeout: "5 minutes", input: { x: "{{ nodes.z.output }}" } },
      b: { kind: "action", action: "charge", inputs: {}, input: { cents: "many" } },
      c: { kind: "wait", for: { until: "tomorrow" }, join: "some" },
    },
    edges: [
      { from: "s", to: "a" },
      { from: "a", to: "b", on: "sucess" },
      { from: "b", to: "a" },
      { from: "b", to: "b" },
      { from: "b" },
      { from: "b", to: "c", on: "not an outcome" },
    ],
    output: "{{ nodes.a.output",
  };
  const result = validateWorkflow(document, catalogue);
  expect(result).toMatchObject({ ok: false, document: null });
  expect(brief(result).filter((issue) => !issue.startsWith("action_input"))).toEqual([
    "format_unknown format",
    "name_invalid name",
    "duration_invalid nodes.a.timeout",
    "field_unknown nodes.b.inputs",
    "field_invalid nodes.c.join",
    "field_missing edges.4.to",
    "name_invalid edges.5.on",
    "outcome_unknown edges.1.on",
    "edge_self edges.3",
    "cycle edges.2",
    "action_unknown nodes.a.action",
    "until_invalid nodes.c.for.until",
    "reference_unknown nodes.a.input.x",
    "template_invalid output",
  ]);
  expect(brief(result)).toContain("action_input_invalid nodes.b.input.cents");
});

describe("a node that is damaged", () => {
  test("is there, so that its edges and what reads it are not reported too", () => {
    for (const broken of [5, null, [], {}, { kind: "acton" }, { kind: "action" }, { kind: "wait", for: 5 }]) {
      const { issues } = check({
        nodes: { s: trigger, a: broken, r: reads("nodes.a.output") },
        edges: edges("s -> a", "a -received-> r"),
      });
      expect(issues.map(({ path }) => path.slice(0, 2))).toEqual([["nodes", "a"]]);
    }
  });

  test("is no condition, so nothing is said of its cases", () => {
    expect(briefOf({ a: { ...condition({ error: "true" }), cases: [] }, b: step }, "a -x-> b")).toEqual([
      "field_invalid nodes.a.cases",
    ]);
  });

  test("as a trigger is still a trigger", () => {
    const nodes = { s: { kind: "trigger", source: { type: "cron" } }, a: step, b: step };
    expect(briefOf(nodes, "s -> a")).toEqual([
      "kind_unknown nodes.s.source.type",
      "node_unreachable nodes.b",
    ]);
    expect(briefOf({ s: { kind: "trigger", sources: 1 }, a: step }, "s -> a", "a -> s")).toEqual([
      "field_unknown nodes.s.sources",
      "edge_into_trigger edges.1.to",
      "cycle edges.0",
    ]);
  });

  test.each(["__proto__", "toString", "constructor"])("may be of kind %s", (kind) => {
    expect(briefOf({ a: { kind, for: {}, action: "x", cases: [] } })).toEqual(["kind_unknown nodes.a.kind"]);
  });

  test("with a bad id is as good as any", () => {
    expect(
      brief(check({ nodes: { "a b": step, b: step }, edges: [{ from: "a b", to: "b", on: "none" }] })),
    ).toEqual(["node_id_invalid nodes.a b", "outcome_unknown edges.0.on"]);
  });
});

describe("an edge that is damaged", () => {
  test("is left out, and nothing is said of what it may have led to", () => {
    const nodes = { s: trigger, a: step, b: step };
    expect(briefOf(nodes, "s -> a", { from: "a", too: "b" })).toEqual([
      "field_missing edges.1.to",
      "field_unknown edges.1.too",
    ]);
    for (const edge of [5, null, { from: 1, to: "b" }]) {
      expect(briefOf(nodes, "s -> a", edge).every((issue) => /^field_\w+ edges\.1/.test(issue))).toBe(true);
    }
  });

  test("does not move the paths of the others", () => {
    expect(briefOf({ s: trigger, a: step }, 5, "s -> a", null, "a -> a")).toEqual([
      "field_invalid edges.0",
      "field_invalid edges.2",
      "edge_self edges.3",
    ]);
  });

  test("in a field that is not needed is an edge", () => {
    expect(briefOf({ s: trigger, a: step }, "s -> a", { from: "a", to: "a", on: 5 })).toEqual([
      "field_invalid edges.1.on",
      "edge_self edges.1",
    ]);
  });
});

describe("the rest of the document", () => {
  const bad = { nodes: { a: { ...step, timeout: "x" }, r: reads("input.b") }, edges: edges("a -> r") };
  const closed = { type: "object", properties: { a: {} }, additionalProperties: false };

  test("a schema of the input that is sound is used, another is not", () => {
    expect(brief(check({ ...bad, input: closed }))).toEqual([
      "duration_invalid nodes.a.timeout",
      "input_field_unknown nodes.r.input.read.0",
    ]);
    expect(brief(check({ ...bad, input: { ...closed, type: "objekt" } }))).toEqual([
      "duration_invalid nodes.a.timeout",
      "schema_invalid input.type",
    ]);
    expect(brief(check({ ...bad, input: 5 }))).toEqual([
      "field_invalid input",
      "duration_invalid nodes.a.timeout",
    ]);
  });

  test("without nodes and edges there is no graph to speak of", () => {
    for (const [nodes, written] of [
      [5, []],
      [{ a: step }, 5],
      [[], []],
    ]) {
      const { issues } = validateWorkflow(workflow({ nodes: nodes as object, edges: written as [] }));
      expect(issues).toHaveLength(1);
    }
    expect(brief(validateWorkflow({ format: 2, name: "w", nodes: {}, edges: [] }))).toEqual([
      "format_unknown format",
    ]);
  });

  test("nothing more is looked at once the document is too large or no JSON", () => {
    const document = workflow({ nodes: { a: { ...step, input: () => 1 } }, edges: edges("a -> a") });
    expect(brief(validateWorkflow(document))).toEqual(["not_json nodes.a.input"]);
    const twice = workflow({ nodes: { a: step }, edges: edges("a -> a", "a -> a") });
    expect(brief(validateWorkflow(twice, undefined, { maxEdges: 1 }))).toEqual(["limit_edges edges"]);
  });
});
