/** Conditions, and what expressions see of a run. */
import { describe, expect, test } from "vitest";
import type { Reference, Scope } from "../../../src/core/expression/expression.ts";
import type { PlanCondition, PlanNode } from "../../../src/core/graph/plan.ts";
import type { Json } from "../../../src/core/json.ts";
import { advance, newRun } from "../../../src/core/run/advance.ts";
import { chainOf, type NodeSpec, planOf, VALUES } from "../../support/run/plans.ts";
import { NOW, TestRun } from "../../support/run/runs.ts";

type Cases = Extract<NodeSpec, { kind: "condition" }>["cases"];

const decide = (cases: Cases) => new TestRun(chainOf({ c: { kind: "condition", cases } }));

describe("a condition", () => {
  test.each([
    { answers: [true, true], outcome: "c0" },
    { answers: [false, true], outcome: "c1" },
    { answers: [false, false], outcome: "else" },
    { answers: [], outcome: "else" },
  ])("with answers $answers has the outcome $outcome", ({ answers, outcome }) => {
    const run = decide(answers.map((answer, n) => [`c${n}`, () => answer]));
    expect(run.node("c")).toMatchObject({
      status: "succeeded",
      outcome,
      fence: 1,
      attempt: 1,
      dispatches: 0,
    });
    expect(run.said).toEqual([`record c {"outcome":"${outcome}"} null`, "renderOutput $output"]);
    expect(run.state.values.outputs.get(1)).toEqual({ outcome });
  });

  test("asks no further than the first true case", () => {
    const run = decide([
      ["yes", () => true],
      [
        "no",
        () => {
          throw new Error("never asked");
        },
      ],
    ]);
    expect(run.node("c").outcome).toBe("yes");
  });

  test.each([
    { answer: null, type: "null" },
    { answer: 1, type: "a number" },
    { answer: "true", type: "a string" },
    { answer: [true], type: "a list" },
  ])("is never $answer", ({ answer, type }) => {
    const run = decide([["yes", () => answer]]);
    expect(run.said).toEqual(["record c null expression", "deadLetter c expression", "finish failed"]);
    expect(run.commands[0]).toMatchObject({
      error: { class: "expression", message: `test: a condition must be true or false, not ${type}.` },
    });
  });

  test.each([
    { thrown: new Error("no such key: cents"), message: "no such key: cents" },
    { thrown: "just text", message: "just text" },
  ])("that throws fails, permanently: $message", ({ thrown, message }) => {
    const run = decide([
      [
        "yes",
        () => {
          throw thrown;
        },
      ],
    ]);
    expect(run.node("c")).toMatchObject({ status: "failed", failure: "open", fence: 1, attempt: 1 });
    expect(run.commands[1]).toEqual({ type: "deadLetter", node: 1, error: { class: "expression", message } });
    expect(run.state.values.errors.get(1)).toEqual({ class: "expression", message });
  });

  test("that was skipped is not asked", () => {
    const nodes: Record<string, NodeSpec> = {
      t: { kind: "trigger" },
      a: { kind: "action" },
      c: { kind: "condition", cases: [["yes", () => true]] },
    };
    const run = new TestRun(
      planOf({
        nodes,
        edges: [
          ["t", "a"],
          ["a", "c", "error"],
        ],
      }),
    ).run("a");
    expect(run.node("c")).toMatchObject({ status: "skipped", fence: 0 });
  });
});

describe("an expression sees", () => {
  /** What the condition after `a` sees. */
  const seenAfter = (end: (run: TestRun) => void): Scope => {
    const seen: Scope[] = [];
    const look = (scope: Scope): Json => seen.push(scope) > 0;
    const nodes: Record<string, NodeSpec> = {
      t: { kind: "trigger" },
      a: { kind: "action" },
      c: { kind: "condition", cases: [["yes", look]] },
    };
    const plan = planOf({
      nodes,
      edges: [
        ["t", "a"],
        ["a", "c"],
        ["a", "c", "error"],
      ],
      reads: ["t", "a"],
    });
    end(new TestRun(plan, { values: { ...VALUES, trigger: { type: "manual" } } }));
    return seen[0]!;
  };

  test("input, trigger and run, and of a node that succeeded its output", () => {
    expect(seenAfter((run) => run.run("a", { id: 7 }))).toEqual({
      input: { cents: 5 },
      trigger: { type: "manual" },
      run: { id: "run" },
      nodes: {
        t: { status: "succeeded", output: null, error: null },
        a: { status: "succeeded", output: { id: 7 }, error: null },
      },
    });
  });

  test("of a node that failed its error", () => {
    const { nodes } = seenAfter((run) => run.claim("a").fail("a"));
    expect(nodes).toMatchObject({ a: { status: "failed", output: null, error: { class: "http" } } });
  });

  test("after a redrive the output, and the error no more", () => {
    const { nodes } = seenAfter((run) => {
      run.claim("a").fail("a", { verdict: "outcomeUnknown" }).redrive("a").run("a", 5);
    });
    expect(nodes).toMatchObject({ a: { status: "succeeded", output: 5, error: null } });
  });

  test("no object's own names among the nodes", () => {
    expect(Object.getPrototypeOf(seenAfter((run) => run.run("a")).nodes)).toBe(null);
  });

  test("a node that the plan does not have as pending", () => {
    const seen: unknown[] = [];
    const nodes: Record<string, NodeSpec> = {
      t: { kind: "trigger" },
      c: { kind: "condition", cases: [["yes", ({ nodes }) => seen.push(nodes!["t"]) > 0]] },
    };
    const plan = planOf({ nodes, edges: [["t", "c"]] });
    const odd = { ...plan, indexOf: new Map([["c", 1]]) };
    advance(odd, newRun(odd, VALUES), { type: "started", trigger: 0 }, NOW);
    expect(seen).toEqual([{ status: "pending", output: null, error: null }]);
  });

  test("values are kept only of nodes that something reads", () => {
    const nodes: Record<string, NodeSpec> = {
      t: { kind: "trigger" },
      a: { kind: "action" },
      b: { kind: "action" },
    };
    const plan = planOf({
      nodes,
      edges: [
        ["t", "a"],
        ["t", "b"],
      ],
      reads: ["a"],
    });
    const run = new TestRun(plan).run("a", "kept").run("b", "not kept");
    expect([...run.state.values.outputs]).toEqual([[1, "kept"]]);
    const failed = new TestRun(plan).claim("a").fail("a").claim("b").fail("b");
    expect([...failed.state.values.errors.keys()]).toEqual([1]);
  });

  test("null where a value is not there", () => {
    const seen: Scope[] = [];
    const nodes: Record<string, NodeSpec> = {
      t: { kind: "trigger" },
      a: { kind: "action" },
      c: { kind: "condition", cases: [["yes", (scope) => seen.push(scope) > 0]] },
    };
    const full = planOf({
      nodes,
      edges: [
        ["t", "a"],
        ["a", "c"],
        ["a", "c", "error"],
      ],
    });
    const plan = { ...full, reads: { ...full.reads, nodes: new Set<number>() } };
    new TestRun(plan).run("a", 7);
    new TestRun(plan).claim("a").fail("a");
    expect(seen.map(({ nodes }) => nodes!["a"])).toEqual([
      { status: "succeeded", output: null, error: null },
      { status: "failed", output: null, error: null },
    ]);
  });

  test("no nodes where it names none", () => {
    const seen: Scope[] = [];
    const plan = chainOf({ c: { kind: "condition", cases: [["yes", (scope) => seen.push(scope) > 0]] } });
    const [start, condition, output] = plan.nodes as [PlanNode, PlanCondition, PlanNode];
    const references: readonly Reference[] = [{ root: "input", path: ["cents"], column: 1 }];
    const cases = condition.cases.map((one) => ({ ...one, when: { ...one.when, references } }));
    new TestRun({ ...plan, nodes: [start, { ...condition, cases }, output] });
    expect(seen[0]!.nodes).toEqual({});
    expect(seen[0]!.input).toEqual({ cents: 5 });
  });
});
