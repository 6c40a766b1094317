/** Which outcome takes which edge, and what joins make of it. */
import { describe, expect, test } from "vitest";
import { isTaken } from "../../../src/core/run/edges.ts";
import { chainOf, type EdgeSpec, type NodeSpec, planOf } from "../../support/run/plans.ts";
import { TestRun } from "../../support/run/runs.ts";

const trigger: NodeSpec = { kind: "trigger" };
const action: NodeSpec = { kind: "action" };
const all: NodeSpec = { kind: "action", join: "all" };

describe("an edge", () => {
  test.each([
    { on: null, outcome: "success", taken: true },
    { on: null, outcome: "fired", taken: true },
    { on: null, outcome: "elapsed", taken: true },
    { on: null, outcome: "received", taken: true },
    { on: null, outcome: "else", taken: true },
    { on: null, outcome: "error", taken: false },
    { on: null, outcome: "timeout", taken: false },
    { on: null, outcome: null, taken: false },
    { on: "success", outcome: "success", taken: true },
    { on: "success", outcome: "error", taken: false },
    { on: "error", outcome: "error", taken: true },
    { on: "error", outcome: null, taken: false },
    { on: "timeout", outcome: "timeout", taken: true },
    { on: "large", outcome: "else", taken: false },
  ])("on $on with outcome $outcome: $taken", ({ on, outcome, taken }) => {
    expect(isTaken({ from: 0, to: 1, on }, outcome)).toBe(taken);
  });
});

describe("the start", () => {
  test("fires one trigger, skips the others, and offers what follows", () => {
    const nodes = { t0: trigger, t1: trigger, a: action, b: action };
    const run = new TestRun(
      planOf({
        nodes,
        edges: [
          ["t0", "a"],
          ["t1", "b"],
        ],
      }),
      { trigger: 1 },
    );
    expect(run.node("t0")).toMatchObject({ status: "skipped", outcome: null });
    expect(run.node("t1")).toMatchObject({ status: "succeeded", outcome: "fired" });
    expect(run.statuses).toEqual({ a: "skipped", b: "ready" });
    expect(run.said).toEqual(["dispatch b"]);
    expect(run.state).toMatchObject({ status: "queued", trigger: 1 });
  });

  test("happens once, and only at a trigger", () => {
    const run = new TestRun(chainOf({ a: action }), { trigger: null });
    const before = run.state;
    for (const trigger of [1, 2, -1, 99]) expect(run.send({ type: "started", trigger }).state).toBe(before);
    expect(run.send({ type: "started", trigger: 0 }).state.trigger).toBe(0);
    const begun = run.state;
    expect(run.send({ type: "started", trigger: 0 }).state).toBe(begun);
  });

  test("comes before everything else", () => {
    const run = new TestRun(chainOf({ a: action }), { trigger: null });
    const before = run.state;
    expect(run.cancel().pause().signal("go").enqueue("a").claim("a").state).toBe(before);
  });

  test("of a workflow without nodes asks for the output at once", () => {
    const run = new TestRun(planOf({ nodes: { t: trigger }, edges: [] }));
    expect(run.said).toEqual(["renderOutput $output"]);
    expect(run.state.status).toBe("running");
    run.succeed("$output", { done: true });
    expect(run.said).toEqual(["finish succeeded"]);
    expect(run.state.status).toBe("succeeded");
  });
});

/** Two actions `a` and `b` after the trigger, and `join` after both. */
function fork(join: NodeSpec, ...edges: readonly EdgeSpec[]): TestRun {
  const nodes = { t: trigger, a: action, b: action, join, after: action };
  return new TestRun(planOf({ nodes, edges: [["t", "a"], ["t", "b"], ...edges, ["join", "after"]] }));
}

describe("a join", () => {
  test("waits until every edge is settled", () => {
    const run = fork(action, ["a", "join"], ["b", "join"]).run("a");
    expect(run.statuses).toMatchObject({ b: "ready", join: "pending" });
    expect(run.said).toEqual([]);
    run.run("b");
    expect(run.statuses).toMatchObject({ join: "ready", after: "pending" });
    expect(run.said).toEqual(["dispatch join"]);
  });

  test.each([
    {
      join: action,
      edges: [
        ["a", "join"],
        ["b", "join"],
      ],
      starts: true,
      what: "all taken",
    },
    {
      join: all,
      edges: [
        ["a", "join"],
        ["b", "join"],
      ],
      starts: true,
      what: "all taken",
    },
    {
      join: action,
      edges: [
        ["a", "join"],
        ["b", "join", "error"],
      ],
      starts: true,
      what: "one taken",
    },
    {
      join: all,
      edges: [
        ["a", "join"],
        ["b", "join", "error"],
      ],
      starts: false,
      what: "one taken",
    },
    {
      join: action,
      edges: [
        ["a", "join", "error"],
        ["b", "join", "error"],
      ],
      starts: false,
      what: "none taken",
    },
    {
      join: all,
      edges: [
        ["a", "join", "error"],
        ["b", "join", "error"],
      ],
      starts: false,
      what: "none taken",
    },
  ] satisfies { join: NodeSpec; edges: EdgeSpec[]; starts: boolean; what: string }[])(
    "$join.join with $what starts: $starts",
    ({ join, edges, starts }) => {
      const run = fork(join, ...edges)
        .run("a")
        .run("b");
      expect(run.statuses).toMatchObject(
        starts ? { join: "ready", after: "pending" } : { join: "skipped", after: "skipped" },
      );
      if (!starts) expect(run.said).toEqual(["renderOutput $output"]);
    },
  );

  test("over two edges from one node needs the node once", () => {
    const nodes = { t: trigger, a: action, b: action };
    const plan = planOf({
      nodes,
      edges: [
        ["t", "a"],
        ["a", "b"],
        ["a", "b", "error"],
      ],
    });
    expect(new TestRun(plan).run("a").statuses).toEqual({ a: "succeeded", b: "ready" });
    expect(new TestRun(plan).claim("a").fail("a").statuses).toEqual({ a: "failed", b: "ready" });
  });
});

describe("a failure", () => {
  test("with an error edge is handled, and the run goes on", () => {
    const nodes = { t: trigger, a: action, next: action, sorry: action };
    const run = new TestRun(
      planOf({
        nodes,
        edges: [
          ["t", "a"],
          ["a", "next"],
          ["a", "sorry", "error"],
        ],
      }),
    );
    run.claim("a").fail("a");
    expect(run.node("a")).toMatchObject({ status: "failed", outcome: "error", failure: "handled" });
    expect(run.statuses).toMatchObject({ next: "skipped", sorry: "ready" });
    expect(run.said).toEqual(["dispatch sorry"]);
    run.run("sorry").succeed("$output");
    expect(run.state.status).toBe("succeeded");
  });

  test("without one is a dead letter: what depends on it stays pending, the rest runs on, then the run is failed", () => {
    const run = fork(action, ["a", "join"], ["b", "join"]).claim("a").fail("a");
    expect(run.node("a")).toMatchObject({ status: "failed", outcome: null, failure: "open" });
    expect(run.said).toEqual(["deadLetter a http"]);
    expect(run.state.status).toBe("running");
    expect(run.state.counts.deadLetters).toBe(1);
    run.run("b");
    expect(run.statuses).toMatchObject({ b: "succeeded", join: "pending", after: "pending" });
    expect(run.said).toEqual(["finish failed"]);
    expect(run.state.status).toBe("failed");
  });

  test("of the output template is a dead letter", () => {
    const run = new TestRun(chainOf({ a: action })).run("a");
    run.fail("$output");
    expect(run.node("$output")).toMatchObject({ status: "failed", failure: "open", fence: 1, attempt: 1 });
    expect(run.said).toEqual(["deadLetter $output http", "finish failed"]);
    run.redrive("$output");
    expect(run.said).toEqual(["renderOutput $output"]);
    expect(run.state.status).toBe("running");
    run.fail("$output").complete("$output", { total: 1 });
    expect(run.node("$output")).toMatchObject({ status: "succeeded", outcome: "success", failure: null });
    expect(run.said).toEqual(["finish succeeded"]);
  });
});

describe("what does not apply", () => {
  test("a run that succeeded takes nothing any more", () => {
    const run = new TestRun(chainOf({ a: action })).run("a").succeed("$output");
    const over = run.state;
    expect(run.cancel().pause().resume().signal("late").event("late").discard("a").redrive("a").state).toBe(
      over,
    );
  });

  test("nodes that the plan does not have, and events of other fences", () => {
    const run = new TestRun(chainOf({ a: action })).claim("a");
    const { state } = run;
    for (const node of [-1, 99, Number.NaN]) {
      run.send({ type: "succeeded", node, fence: 1, output: null });
      run.send({ type: "redriven", node, newKey: false });
    }
    for (const fence of [0, 2]) {
      const node = run.index("a");
      run.send({ type: "succeeded", node, fence, output: null });
      run.send({ type: "released", node, fence });
      run.send({ type: "timerFired", node, fence });
    }
    expect(run.state).toBe(state);
  });

  test("10,000 conditions in a row are decided like one", () => {
    const nodes: Record<string, NodeSpec> = { c0: trigger };
    const edges: EdgeSpec[] = [];
    for (let n = 1; n <= 10_000; n++) {
      nodes[`c${n}`] = { kind: "condition", cases: [["yes", () => true]] };
      edges.push([`c${n - 1}`, `c${n}`]);
    }
    const run = new TestRun(planOf({ nodes, edges, reads: [] }));
    expect(run.node("c10000")).toMatchObject({ status: "succeeded", outcome: "yes" });
    expect(run.said.at(-1)).toBe("renderOutput $output");
  });
});
