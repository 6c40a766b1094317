/** The deadline of a run. */
import { describe, expect, test } from "vitest";
import { patchRun, restoreRun } from "../../../src/core/run/advance.ts";
import { refusalOf } from "../../../src/core/run/refusal.ts";
import { planOf, type PlanSpec, VALUES } from "../../support/run/plans.ts";
import { NOW, TestRun } from "../../support/run/runs.ts";
import { saveRun } from "../../support/run/save.ts";

const DEADLINE = 60_000;

const spec = (more: Partial<PlanSpec> = {}): PlanSpec => ({
  nodes: {
    t: { kind: "trigger" },
    a: { kind: "action", compensate: true },
    w: { kind: "wait", for: { signal: "go" } },
    b: { kind: "action" },
  },
  edges: [
    ["t", "a"],
    ["t", "w"],
    ["w", "b"],
  ],
  deadline: DEADLINE,
  ...more,
});

const begun = (more: Partial<PlanSpec> = {}): TestRun => new TestRun(planOf(spec(more)));

function late(run: TestRun): TestRun {
  run.now = NOW + DEADLINE;
  return run.fire("$output");
}

describe("when it is set", () => {
  test("it counts from the start", () => {
    expect(begun().node("$output")).toMatchObject({ status: "pending", deadlineAt: NOW + DEADLINE });
    expect(begun({ deadline: undefined } as never).node("$output").deadlineAt).toBe(null);
  });

  test.each([
    [{}, DEADLINE],
    [{ deadlineMs: 5 }, 5],
    [{ at: NOW + 1_000 }, 1_000 + DEADLINE],
    [{ at: NOW - 1_000, deadlineMs: 7 }, 7],
  ])("started with %j: after %i ms", (more, ms) => {
    const run = new TestRun(planOf(spec()), { values: VALUES, trigger: null });
    run.send({ type: "started", trigger: 0, ...more });
    expect(run.node("$output").deadlineAt).toBe(NOW + ms);
  });
});

describe("when it passes", () => {
  test("what waits is cancelled, what runs is told, and the run fails once that has ended", () => {
    const run = late(begun().claim("a"));
    expect(run.said).toEqual(["abort a", "deadLetter $output deadline_exceeded"]);
    expect(run.statuses).toMatchObject({ a: "running", w: "cancelled", b: "cancelled" });
    expect(run.state).toMatchObject({ status: "cancelling", cancelled: true });
    run.succeed("a");
    expect(run.said).toEqual(["finish failed"]);
    expect(run.state.status).toBe("failed");
    expect(run.node("$output")).toMatchObject({ status: "failed", failure: "open", deadlineAt: null });
  });

  test("where nothing runs it fails at once", () => {
    const run = late(begun());
    expect(run.said).toEqual(["deadLetter $output deadline_exceeded", "finish failed"]);
    expect(run.state.counts.deadLetters).toBe(1);
  });

  test("not before, and not twice", () => {
    const run = begun();
    const { state } = run;
    run.now = NOW + DEADLINE - 1;
    expect(run.fire("$output").state).toBe(state);
    const ended = late(run).state;
    expect(run.fire("$output").state).toBe(ended);
  });

  test("in a workflow that compensates, what succeeded is undone, and the run has failed all the same", () => {
    const run = begun({ onFailure: "compensate" }).run("a");
    late(run);
    expect(run.state.status).toBe("compensating");
    expect(run.node("$output")).toMatchObject({ failure: "compensated", outcome: "deadline" });
    run.run("a$compensate");
    expect(run.state.status).toBe("failed");
  });

  test("its dead letter can be discarded, and nothing else; the run stays failed", () => {
    const run = late(begun());
    const { state, plan } = run;
    const node = run.index("$output");
    for (const action of ["redrive", "complete"] as const)
      expect(refusalOf(plan, state, { node, action })).toBe("run_cancelled");
    expect(run.redrive("$output").complete("$output", 1).state).toBe(state);
    run.send({ type: "discarded", node });
    expect(run.node("$output").failure).toBe("discarded");
    expect(run.state.status).toBe("failed");
  });
});

describe("when it means nothing any more", () => {
  test("the run ended before", () => {
    const run = begun().run("a").signal("go").run("b").succeed("$output");
    expect(run.state.status).toBe("succeeded");
    expect(run.node("$output").deadlineAt).toBe(null);
    expect(late(run).commands).toEqual([]);
  });

  test("it was cancelled", () => {
    const run = begun().claim("a").cancel();
    expect(run.node("$output")).toMatchObject({ status: "cancelled", deadlineAt: null });
    expect(late(run).commands).toEqual([]);
    expect(run.succeed("a").state.status).toBe("cancelled");
  });

  test("it came to rest with a failure: who mends it has time", () => {
    const run = begun().signal("go").run("b").claim("a").fail("a");
    expect(run.state.status).toBe("failed");
    expect(run.node("$output").deadlineAt).toBe(null);
    run.redrive("a");
    expect(late(run).state.status).toBe("running");
    expect(run.run("a").said).toEqual(["renderOutput $output"]);
  });

  test("it is being undone", () => {
    const run = begun({ onFailure: "compensate" }).run("a").signal("go").claim("b").fail("b");
    expect(run.state.status).toBe("compensating");
    expect(late(run).commands).toEqual([]);
  });
});

test("while the run is paused it waits", () => {
  const run = late(begun().pause());
  expect(run.commands).toEqual([]);
  expect(late(run.resume()).state.status).toBe("failed");
});

test("it is in the stored state, before it passes and after", () => {
  const run = begun().claim("a");
  const before = run.state;
  for (const { plan, state } of [run, late(run)]) {
    expect(restoreRun(plan, saveRun(plan, state))).toEqual(state);
    expect(patchRun(plan, before, saveRun(plan, state))).toEqual(state);
  }
});
