/** Joins that start at the first edge, and those that call the others off. */
import { describe, expect, test } from "vitest";
import { type EdgeSpec, type NodeSpec, planOf } from "../../support/run/plans.ts";
import { NEVER, TestRun } from "../../support/run/runs.ts";

const trigger: NodeSpec = { kind: "trigger" };
const action: NodeSpec = { kind: "action" };
const first: NodeSpec = { kind: "action", join: "first" };
const race: NodeSpec = { kind: "action", join: "race" };

/** `a` and `b` after the trigger, `join` after both. */
function fork(
  join: NodeSpec,
  more: { nodes?: Record<string, NodeSpec>; edges?: readonly EdgeSpec[] } = {},
): TestRun {
  const nodes = { t: trigger, a: action, b: action, ...more.nodes, join };
  const edges: EdgeSpec[] = [
    ["t", "a"],
    ["t", "b"],
    ["a", "join"],
    ["b", "join"],
  ];
  return new TestRun(planOf({ nodes, edges: [...edges, ...(more.edges ?? [])] }));
}

describe("a first join", () => {
  test("starts at the first taken edge and never again; the other branch runs on", () => {
    const run = fork(first).claim("b").run("a");
    expect(run.said).toEqual(["dispatch join"]);
    run.run("join");
    expect(run.state.status).toBe("running");
    run.succeed("b");
    expect(run.statuses).toEqual({ a: "succeeded", b: "succeeded", join: "succeeded" });
    expect(run.said).toEqual(["renderOutput $output"]);
  });

  test("a late failure is a dead letter like any other", () => {
    const run = fork(first).run("a").run("join").claim("b").fail("b");
    expect(run.said).toEqual(["deadLetter b http", "finish failed"]);
    run.redrive("b").run("b");
    expect(run.said).toEqual(["renderOutput $output"]);
  });

  test("starts behind a dead letter, if another edge is taken", () => {
    const run = fork(first).claim("a").fail("a");
    expect(run.statuses).toMatchObject({ join: "pending" });
    expect(run.run("b").statuses).toMatchObject({ join: "ready" });
  });

  test("is skipped when all edges are settled and none was taken", () => {
    const run = fork(first).claim("a").fail("a").discard("a").claim("b").fail("b");
    expect(run.statuses).toMatchObject({ join: "pending" });
    expect(run.discard("b").statuses).toMatchObject({ join: "skipped" });
  });

  test("over two edges that are taken at once starts once", () => {
    const nodes = {
      t: trigger,
      c: { kind: "condition", cases: [["yes", () => true]] } as NodeSpec,
      join: first,
    };
    const run = new TestRun(
      planOf({
        nodes,
        edges: [
          ["t", "c"],
          ["c", "join"],
          ["c", "join", "yes"],
          ["t", "join"],
        ],
      }),
    );
    expect(run.said.filter((said) => said === "dispatch join")).toEqual(["dispatch join"]);
    expect(run.node("join")).toMatchObject({ open: 0, taken: 3, status: "ready" });
  });
});

describe("a join that cancels the others", () => {
  test("cancels what waits and has not begun, tells what runs, and starts", () => {
    const run = fork(race, {
      nodes: { c: action, w: { kind: "wait", for: { signal: "go" } }, d: action },
      edges: [
        ["a", "c"],
        ["c", "join"],
        ["t", "w"],
        ["w", "d"],
        ["d", "join"],
      ],
    });
    run.run("a");
    // Both become ready in one breath; whoever wants to start `c` finds it cancelled.
    expect(run.said).toEqual(["dispatch c", "dispatch join"]);
    expect(run.statuses).toEqual({
      a: "succeeded",
      b: "cancelled",
      c: "cancelled",
      w: "cancelled",
      d: "cancelled",
      join: "ready",
    });
    run.run("join");
    expect(run.said).toEqual(["renderOutput $output"]);
  });

  test("a running action is told to stop, and its success is recorded", () => {
    const run = fork(race).claim("b").run("a");
    expect(run.said).toEqual(["abort b", "dispatch join"]);
    run.run("join").succeed("b");
    expect(run.statuses).toMatchObject({ b: "succeeded" });
    expect(run.said).toEqual(["renderOutput $output"]);
  });

  test.each([
    {
      what: "an error that could be tried again",
      end: (run: TestRun) => run.fail("b", { verdict: "retry", retry: { ...NEVER, immediate: 2 } }),
    },
    { what: "an error for good", end: (run: TestRun) => run.fail("b") },
    {
      what: "an answer that says later",
      end: (run: TestRun) => run.fail("b", { verdict: "later", afterMs: 5 }),
    },
    { what: "a release", end: (run: TestRun) => run.release("b") },
    { what: "a lost lease", end: (run: TestRun) => run.lose("b") },
  ])("after $what it is cancelled", ({ end }) => {
    const run = end(fork(race).claim("b").run("a"));
    expect(run.node("b")).toMatchObject({ status: "cancelled", failure: null });
    expect(run.said).toEqual([]);
  });

  test.each([
    { what: "an answer", end: (run: TestRun) => run.fail("b", { verdict: "outcomeUnknown" }) },
    { what: "a lost lease", end: (run: TestRun) => run.lose("b", { type: "outcomeUnknown" }) },
  ])("$what that leaves open what happened is a dead letter", ({ end }) => {
    const run = end(fork(race).claim("b").run("a"));
    expect(run.said).toEqual(["deadLetter b outcome_unknown"]);
  });

  test("its error edge is not taken any more", () => {
    const run = fork(race, {
      nodes: { sorry: action },
      edges: [
        ["b", "sorry", "error"],
        ["sorry", "join"],
      ],
    });
    run.claim("b").run("a").fail("b");
    expect(run.statuses).toMatchObject({ b: "cancelled", sorry: "cancelled" });
  });

  test("what leads elsewhere too goes on", () => {
    const run = fork(race, { nodes: { c: action }, edges: [["b", "c"]] }).run("a");
    expect(run.statuses).toMatchObject({ b: "ready", c: "pending", join: "ready" });
    run.claim("b").fail("b", { verdict: "retry", retry: { immediate: 0, backoffMs: [5] } });
    expect(run.statuses).toMatchObject({ b: "waiting" });
  });

  test("calls off what leads only to a join that leads only to it", () => {
    const nodes = { t: trigger, a: action, b: action, x: action, join: first, outer: race };
    const edges: EdgeSpec[] = [
      ["t", "a"],
      ["t", "b"],
      ["t", "x"],
      ["a", "join"],
      ["b", "join"],
      ["join", "outer"],
      ["x", "outer"],
    ];
    const run = new TestRun(planOf({ nodes, edges }));
    run.claim("b").run("x");
    expect(run.statuses).toMatchObject({ a: "cancelled", b: "running", join: "cancelled", outer: "ready" });
    expect(run.fail("b").statuses).toMatchObject({ b: "cancelled" });
  });

  test("a dead letter stays, may be redriven, and then counts like what was called off", () => {
    const run = fork(race).claim("b").fail("b").run("a");
    expect(run.node("b")).toMatchObject({ failure: "open" });
    run.redrive("b");
    expect(run.said).toEqual(["dispatch b"]);
    expect(run.claim("b").fail("b").statuses).toMatchObject({ b: "cancelled" });
  });

  test("two branches that come in in one breath: one wins", () => {
    const yes: NodeSpec = { kind: "condition", cases: [] };
    const nodes = { t: trigger, a: yes, b: yes, slow: action, join: race };
    const run = new TestRun(
      planOf({
        nodes,
        edges: [
          ["t", "a"],
          ["t", "b"],
          ["a", "join"],
          ["b", "slow"],
          ["slow", "join"],
        ],
      }),
    );
    expect(run.statuses).toEqual({ a: "succeeded", b: "succeeded", slow: "cancelled", join: "ready" });
  });

  test("what a message calls off at the resume does not start", () => {
    const wait: NodeSpec = { kind: "wait", for: { signal: "go" } };
    const nodes = { t: trigger, a: action, w: wait, join: race };
    const edges: EdgeSpec[] = [
      ["t", "a"],
      ["t", "w"],
      ["a", "join"],
      ["w", "join"],
    ];
    const run = new TestRun(planOf({ nodes, edges })).pause().signal("go").resume();
    expect(run.statuses).toEqual({ a: "cancelled", w: "succeeded", join: "ready" });
    expect(run.said.filter((said) => said.startsWith("dispatch"))).toEqual(["dispatch join"]);
  });
});
