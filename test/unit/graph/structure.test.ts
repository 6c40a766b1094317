/** Edges, outcomes, triggers, circles, and what a run can come to. */
import { describe, expect, test } from "vitest";
import { normaliseDocument } from "../../../src/core/definition/normalise.ts";
import { OWN_EVENTS } from "../../../src/core/definition/own-events.ts";
import type { WorkflowDocument } from "../../../src/core/definition/document.ts";
import type { Issue } from "../../../src/core/graph/issues.ts";
import { validateWorkflow } from "../../../src/core/graph/validate.ts";
import { brief, check, condition, edges, reads, step, trigger, workflow } from "./documents.ts";

/** Steps with these ids. */
function steps(...ids: readonly string[]): { readonly [id: string]: object } {
  return Object.fromEntries(ids.map((id) => [id, step]));
}

function issuesOf(nodes: object, ...written: readonly string[]): readonly Issue[] {
  return check({ nodes, edges: edges(...written) }).issues;
}

function briefOf(nodes: object, ...written: readonly string[]): readonly string[] {
  return brief({ issues: issuesOf(nodes, ...written) });
}

describe("circles", () => {
  test("are shown in the order of their edges, from the node whose name comes first", () => {
    const [issue, ...rest] = issuesOf(
      { s: trigger, ...steps("pay", "check", "ask") },
      "s -> pay",
      "ask -> check",
      "check -> pay",
      "pay -> ask",
    );
    expect(rest).toEqual([]);
    expect(issue).toMatchObject({
      code: "cycle",
      path: ["edges", 3],
      message: "The nodes lead in a circle: ask -> check -> pay -> ask.",
      cycle: ["ask", "check", "pay"],
    });
  });

  test("each knot has one, a shortest, and what is only behind a knot has none", () => {
    const issues = issuesOf(
      { s: trigger, ...steps("a", "b", "c", "d", "x", "y", "behind") },
      "s -> a",
      "a -> b",
      "b -> c",
      "c -> d",
      "d -> a",
      "c -> b",
      "s -> x",
      "x -> y",
      "y -> x",
      "y -> behind",
    );
    expect(issues.map(({ cycle }) => cycle)).toEqual([
      ["b", "c"],
      ["x", "y"],
    ]);
  });

  test("through edges of an outcome count too", () => {
    expect(briefOf({ s: trigger, ...steps("a", "b") }, "s -> a", "a -> b", "b -error-> a")).toEqual([
      "cycle edges.2",
    ]);
  });

  test("the path is that in the document as it was written, not that with the trigger that was added", () => {
    const nodes = steps("a", "b", "c");
    expect(briefOf(nodes, "a -> b", "b -> c", "c -> b")).toEqual(["cycle edges.2"]);
    const document = workflow({ nodes, edges: edges("a -> b") }) as WorkflowDocument;
    expect(normaliseDocument(document).edges).toHaveLength(3);
  });

  test("of eleven nodes and more are named by their beginning", () => {
    const ids = Array.from({ length: 15 }, (_, index) => `n${String(index).padStart(2, "0")}`);
    const ring = ids.map((id, index) => `${id} -> ${ids[(index + 1) % ids.length]}`);
    const [issue] = issuesOf(steps(...ids), ...ring);
    expect(issue?.message).toContain("n10 -> n11 -> (3 more) -> n00.");
    expect(issue?.cycle).toEqual(ids);
  });

  test("a knot that is too large to search for its shortest circle still shows a real one", () => {
    const count = 1_200;
    const written: { from: string; to: string }[] = [];
    for (let from = 0; from < count; from++) {
      for (let far = 1; far <= 40; far++) written.push({ from: `n${from}`, to: `n${(from + far) % count}` });
    }
    const nodes = steps(...Array.from({ length: count }, (_, index) => `n${index}`));
    const [issue] = check({ nodes, edges: written }).issues;
    const cycle = issue?.cycle ?? [];
    expect(cycle.length).toBeGreaterThanOrEqual(count / 40);
    const pairs = new Set(written.map(({ from, to }) => `${from} ${to}`));
    cycle.forEach((from, at) => expect(pairs).toContain(`${from} ${cycle[(at + 1) % cycle.length]}`));
  });
});

describe("edges", () => {
  test("from a node to itself, beside a circle of others", () => {
    expect(
      briefOf({ s: trigger, ...steps("a", "b") }, "s -> a", "a -> a", "a -> b", "b -> a", "b -error-> b"),
    ).toEqual(["edge_self edges.1", "edge_self edges.4", "cycle edges.3"]);
  });

  test("that are there twice: each repetition names the first", () => {
    const issues = issuesOf(
      steps("a", "b", "c"),
      "a -> b",
      "b -> c",
      "a -> b",
      "a -error-> b",
      "a -> b",
      "a -error-> b",
    );
    expect(brief({ issues })).toEqual([
      "edge_duplicate edges.2",
      "edge_duplicate edges.4",
      "edge_duplicate edges.5",
    ]);
    expect(issues.map(({ message }) => message)).toEqual([
      'The edge from "a" to "b" is there already, as edge 0.',
      'The edge from "a" to "b" is there already, as edge 0.',
      'The edge from "a" to "b" on "error" is there already, as edge 3.',
    ]);
  });

  test("that are there twice, to themselves and to nowhere", () => {
    expect(briefOf({ s: trigger, a: step }, "s -> a", "a -> a", "a -> a", "a -> none", "a -> none")).toEqual([
      "edge_self edges.1",
      "edge_duplicate edges.2",
      "edge_self edges.2",
      "node_unknown edges.3.to",
      "node_unknown edges.4.to",
      "edge_duplicate edges.4",
    ]);
  });

  test("between the same nodes on other outcomes are others", () => {
    expect(briefOf(steps("a", "b"), "a -> b", "a -success-> b", "a -error-> b")).toEqual([]);
  });

  test("with two unknown ends have two problems, and no third", () => {
    expect(briefOf({ s: trigger, a: step }, "s -> a", "x -sucess-> y")).toEqual([
      "node_unknown edges.1.from",
      "node_unknown edges.1.to",
    ]);
  });

  test("ids of unknown nodes are shortened", () => {
    const [issue] = check({ nodes: { a: step }, edges: [{ from: "a", to: "x".repeat(500) }] }).issues;
    expect(issue?.message).toBe(`There is no node "${"x".repeat(80)}...".`);
  });

  test("into a trigger, from a trigger", () => {
    expect(briefOf({ s: trigger, t: trigger, a: step }, "s -> t", "t -> a")).toEqual([
      "edge_into_trigger edges.0.to",
    ]);
  });
});

describe("outcomes", () => {
  const wait = (waitFor: object, more: object = {}): object => ({ kind: "wait", for: waitFor, ...more });

  test.each<[string, object, readonly string[]]>([
    ["a trigger", trigger, ["fired"]],
    ["an action", step, ["success", "error"]],
    ["a condition", condition({ big: "true", small: "false" }), ["big", "small", "else", "error"]],
    ["a wait for time", wait({ duration: "1s" }), ["elapsed", "error"]],
    ["a wait until a time", wait({ until: 5 }), ["elapsed", "error"]],
    ["a wait for a signal", wait({ signal: "go", timeout: "1s" }), ["received", "timeout", "error"]],
    ["a wait for an event", wait({ event: "go", timeout: "1s" }), ["received", "timeout", "error"]],
  ])("of %s", (_name, node, outcomes) => {
    const all = [
      "fired",
      "success",
      "error",
      "big",
      "small",
      "else",
      "elapsed",
      "received",
      "timeout",
      "nonsense",
    ];
    const refused = all.filter((on) => {
      const codes = issuesOf({ a: node, b: step }, "a -> b", `a -${on}-> b`).map(({ code }) => code);
      return codes.includes("outcome_unknown");
    });
    expect(refused).toEqual(all.filter((on) => !outcomes.includes(on)));
  });

  test("a timeout without a timeout is a hint, for signals and events", () => {
    for (const waitFor of [{ signal: "go" }, { event: "go" }]) {
      const { ok, issues } = check({ nodes: { a: wait(waitFor), b: step }, edges: edges("a -timeout-> b") });
      expect(ok).toBe(true);
      expect(brief({ issues })).toEqual(["edge_never_taken edges.0.on"]);
    }
  });

  test.each(["else", "error", "timeout"])(
    "%s is no name of a case, and is not its repetition either",
    (name) => {
      const cases = [
        { outcome: name, if: "true" },
        { outcome: name, if: "true" },
      ];
      expect(briefOf({ a: { kind: "condition", cases }, b: step }, "a -> b")).toEqual([
        "outcome_reserved nodes.a.cases.0.outcome",
        "outcome_reserved nodes.a.cases.1.outcome",
      ]);
    },
  );

  test("a condition is told of a missing `else`, unless an edge without `on` or one for `else` is there", () => {
    const nodes = { a: condition({ yes: "true" }), b: step };
    const hint = ["condition_without_else nodes.a"];
    expect(briefOf(nodes, "a -yes-> b")).toEqual(hint);
    expect(briefOf({ a: nodes.a })).toEqual(hint);
    expect(briefOf(nodes, "a -yes-> b", "a -error-> b")).toEqual(hint);
    expect(briefOf(nodes, "a -yes-> b", "a -else-> b")).toEqual([]);
    expect(briefOf(nodes, "a -> b")).toEqual([]);
  });
});

describe("triggers", () => {
  test("are told of names of events that the engine does not have, and only of those", () => {
    const heard = (name: string) => ({ kind: "trigger", source: { type: "event", name } });
    const named = (name: string) => briefOf({ s: heard(name), a: step }, "s -> a");
    for (const own of OWN_EVENTS) expect(named(own)).toEqual([]);
    expect(named("flowforgery.run.fialed")).toEqual([]);
    for (const none of ["flowforge.run.fialed", "flowforge.run", "flowforge.order"])
      expect(named(none)).toEqual(["event_unknown nodes.s.source.name"]);
  });

  test("none: one is added, and leads to every node without inbound edges", () => {
    const { ok, document } = check({ nodes: steps("a", "b", "c"), edges: edges("a -> c") });
    expect(ok).toBe(true);
    expect(document?.nodes.start).toEqual({ kind: "trigger", source: { type: "manual" } });
    expect(document?.edges.slice(0, 2)).toEqual([
      { from: "start", to: "a" },
      { from: "start", to: "b" },
    ]);
  });

  test("no nodes at all", () => {
    expect(briefOf({})).toEqual(["trigger_missing nodes"]);
  });

  test("nothing to begin with but circles; self-edges and unknown nodes are said alone", () => {
    expect(briefOf(steps("a", "b"), "a -> b", "b -> a")).toEqual(["cycle edges.1", "trigger_missing nodes"]);
    expect(briefOf(steps("a"), "a -> a")).toEqual(["edge_self edges.0"]);
    expect(briefOf(steps("a"), "x -> a")).toEqual(["node_unknown edges.0.from"]);
  });

  test("a trigger alone is a workflow", () => {
    expect(check({ nodes: { s: trigger } })).toMatchObject({ ok: true, issues: [] });
  });

  test("every node that no trigger leads to is named, with what is behind it", () => {
    expect(briefOf({ s: trigger, ...steps("a", "b", "c") }, "s -> a", "b -> c")).toEqual([
      "node_unreachable nodes.b",
      "node_unreachable nodes.c",
    ]);
    expect(briefOf({ s: trigger, t: trigger, ...steps("a", "b") }, "s -> a", "t -> b")).toEqual([]);
    expect(briefOf({ s: trigger, ...steps("a", "b") }, "a -> b", "b -> a")).toEqual([
      "cycle edges.1",
      "node_unreachable nodes.a",
      "node_unreachable nodes.b",
    ]);
  });

  test("what the added trigger is called where `start` is taken", () => {
    const { document } = check({
      nodes: { start: step, start_2: reads("nodes.start.output") },
      edges: edges("start -> start_2"),
    });
    expect(document?.nodes.start_3).toMatchObject({ kind: "trigger" });
    expect(validateWorkflow(document).issues).toEqual([]);
  });
});
