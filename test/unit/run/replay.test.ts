/** A rerun from a node: what ended before it is as it was, and nothing else has begun. */
import { describe, expect, test } from "vitest";
import { type EndedNode, replayUpTo } from "../../../src/core/run/replay.ts";
import type { Plan } from "../../../src/core/graph/plan.ts";
import { chainOf, type NodeSpec, planOf } from "../../support/run/plans.ts";
import { ERROR, TestRun } from "../../support/run/runs.ts";

const action: NodeSpec = { kind: "action" };

function endedNodes(run: TestRun, outputs: Record<string, EndedNode["output"]> = {}): Map<string, EndedNode> {
  return new Map(
    run.plan.nodes.map(({ id }) => {
      const node = run.node(id);
      const error = node.status === "failed" ? ERROR : null;
      return [id, { ...node, error, output: outputs[id] ?? null }];
    }),
  );
}

function replayed(run: TestRun, from: string, outputs: Record<string, EndedNode["output"]> = {}): TestRun {
  const nodes = endedNodes(run, outputs);
  const replay = replayUpTo(run.plan, run.index(from), { nodes, worker: "old" });
  if (!replay.ok) throw new Error(replay.problems.join("; "));
  const again = new TestRun(run.plan);
  for (const event of replay.events) again.send(event);
  return again;
}

const problems = (run: TestRun, from: string): readonly string[] => {
  const replay = replayUpTo(run.plan, run.index(from), { nodes: endedNodes(run), worker: "old" });
  return replay.ok ? [] : replay.problems;
};

/** `a` and `b` side by side, `c` behind both, `sorry` behind an error of `b`. */
const diamond = (): Plan =>
  planOf({
    nodes: { t: { kind: "trigger" }, a: action, b: action, sorry: action, c: action },
    edges: [
      ["t", "a"],
      ["t", "b"],
      ["b", "sorry", "error"],
      ["a", "c"],
      ["b", "c"],
      ["sorry", "c"],
    ],
  });

describe("what ended before the node", () => {
  test("is taken over; the node itself may start", () => {
    const run = new TestRun(chainOf({ a: action, b: action, c: action })).run("a", 1).run("b", 2).run("c", 3);
    const again = replayed(run, "c", { a: 1, b: 2 });
    expect(again.statuses).toEqual({ a: "succeeded", b: "succeeded", c: "ready" });
    expect(again.node("b")).toMatchObject({ worker: "old", attempt: 1, fence: 1 });
    expect(replayed(run, "a").statuses).toEqual({ a: "ready", b: "pending", c: "pending" });
  });

  test("is no more than its ancestors: what is beside it runs again", () => {
    const run = new TestRun(diamond()).run("a").run("b").run("c");
    expect(replayed(run, "sorry").statuses).toMatchObject({ a: "ready", b: "succeeded", sorry: "skipped" });
    expect(replayed(run, "c").statuses).toEqual({
      a: "succeeded",
      b: "succeeded",
      sorry: "skipped",
      c: "ready",
    });
  });

  test("may have failed, where an edge handled that", () => {
    const run = new TestRun(diamond()).run("a").claim("b").fail("b").run("sorry").run("c");
    const again = replayed(run, "c");
    expect(again.statuses).toEqual({ a: "succeeded", b: "failed", sorry: "succeeded", c: "ready" });
    expect(again.node("b").failure).toBe("handled");
    const nodes = endedNodes(run);
    nodes.set("b", { ...nodes.get("b")!, error: null });
    const replay = replayUpTo(run.plan, run.index("c"), { nodes, worker: "old" });
    expect(replay.ok && replay.events.find(({ type }) => type === "failed")).toMatchObject({
      error: { class: "unknown" },
    });
  });

  test("has conditions decide again, and waits end as they did", () => {
    const cases: NodeSpec = { kind: "condition", cases: [["large", () => true]] };
    const waits = { d: { duration: 5 }, s: { signal: "go", timeout: 9 }, e: { event: "paid" } } as const;
    const nodes = Object.fromEntries(
      Object.entries(waits).map(([id, wait]) => [id, { kind: "wait", for: wait } as NodeSpec]),
    );
    const run = new TestRun(chainOf({ c: cases, ...nodes, a: action }))
      .fire("d")
      .signal("go", 1)
      .event("paid", 2);
    const again = replayed(run.run("a"), "a", { s: 1, e: 2 });
    expect(again.statuses).toEqual({
      c: "succeeded",
      d: "succeeded",
      s: "succeeded",
      e: "succeeded",
      a: "ready",
    });
    for (const [id, outcome] of [
      ["c", "large"],
      ["d", "elapsed"],
      ["s", "received"],
      ["e", "received"],
    ] as const)
      expect(again.node(id).outcome).toBe(outcome);
    expect(again.state.kept).toEqual([]);
  });

  test("a wait that timed out times out at once", () => {
    const wait: NodeSpec = { kind: "wait", for: { signal: "go", timeout: 9 }, onTimeout: "skip" };
    const plan = planOf({
      nodes: { t: { kind: "trigger" }, w: wait, a: action },
      edges: [
        ["t", "w"],
        ["w", "a", "timeout"],
      ],
    });
    const run = new TestRun(plan).fire("w").run("a");
    expect(replayed(run, "a").node("w")).toMatchObject({ status: "succeeded", outcome: "timeout" });
  });
});

describe("is refused", () => {
  test("where something before the node has not ended, or was given up", () => {
    const run = new TestRun(diamond()).run("a").claim("b");
    expect(problems(run, "c")).toEqual(['node "b" is running', 'node "sorry" is pending']);
    expect(problems(run, "a")).toEqual([]);
    const dead = new TestRun(chainOf({ a: action, b: action })).claim("a").fail("a");
    expect(problems(dead, "b")).toEqual(['node "a" is failed']);
    const replay = replayUpTo(dead.plan, dead.index("b"), { nodes: new Map(), worker: "old" });
    expect(replay).toEqual({ ok: false, problems: ['node "a" is pending'] });
  });

  test("where another node waits for the message that a wait took", () => {
    const wait = (name: string, kind: "signal" | "event" = "signal"): NodeSpec => ({
      kind: "wait",
      for: kind === "signal" ? { signal: name } : { event: name },
    });
    const run = (other: NodeSpec) =>
      new TestRun(chainOf({ w: wait("go"), a: action, v: other })).signal("go").run("a");
    expect(problems(run(wait("go")), "a")).toEqual(['node "w" took a message that "v" waits for too']);
    for (const other of [
      wait("stop"),
      wait("go", "event"),
      { kind: "wait", for: { duration: 1 } } as NodeSpec,
    ])
      expect(problems(run(other), "a")).toEqual([]);
  });
});
