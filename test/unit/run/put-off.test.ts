/** Runs that are stored before they begin. */
import { expect, test } from "vitest";
import { patchRun, restoreRun } from "../../../src/core/run/advance.ts";
import { type PlanSpec, planOf, VALUES } from "../../support/run/plans.ts";
import { NOW, TestRun } from "../../support/run/runs.ts";
import { rowsOf, saveRun } from "../../support/run/save.ts";

const SPEC: PlanSpec = {
  nodes: {
    t: { kind: "trigger" },
    other: { kind: "trigger" },
    a: { kind: "action" },
    w: { kind: "wait", for: { signal: "go" } },
    b: { kind: "action" },
  },
  edges: [
    ["t", "a"],
    ["t", "w"],
    ["other", "b"],
  ],
};
const AT = NOW + 60_000;

function putOff(at = AT): TestRun {
  const run = new TestRun(planOf(SPEC), { values: VALUES, trigger: null });
  return run.send({ type: "started", trigger: 0, at });
}

test("the trigger waits, nothing behind it begins, and the run is queued", () => {
  const run = putOff();
  expect(run.said).toEqual(["schedule t 60000"]);
  expect(run.node("t")).toMatchObject({ status: "waiting", waitingFor: "timer", dueAt: AT });
  expect(run.statuses).toEqual({ a: "pending", w: "pending", b: "skipped" });
  expect(run.state.status).toBe("queued");
});

test.each([NOW, NOW - 1, -1])("at %i, which has come, the run begins at once", (at) => {
  const run = putOff(at);
  expect(run.said).toEqual(["dispatch a", "schedule w null"]);
  expect(run.node("t")).toMatchObject({ status: "succeeded", outcome: "fired", dueAt: null });
});

test("when it is due it is like a run that was started then", () => {
  const run = putOff();
  run.now = AT;
  run.fire("t");
  const { state } = putOff(NOW);
  expect(run.said).toEqual(["dispatch a", "schedule w null"]);
  expect(run.state).toEqual(state);
  expect(run.fire("t").commands).toEqual([]);
});

test("cancelled before it is due, it is over", () => {
  const run = putOff().cancel();
  expect(run.node("t").status).toBe("cancelled");
  expect(run.state.status).toBe("cancelled");
  expect(run.fire("t").commands).toEqual([]);
});

test("paused when it falls due, it begins at the resume", () => {
  const run = putOff().pause();
  run.now = AT;
  expect(run.fire("t").state.status).toBe("paused");
  expect(run.resume().said).toEqual(["dispatch a", "schedule w null"]);
});

test("a signal that comes before is kept for the wait", () => {
  const run = putOff().signal("go", 7);
  run.now = AT;
  run.fire("t");
  expect(run.statuses).toMatchObject({ a: "ready", w: "succeeded" });
});

test("the store's rows give the same state again, before it is due, after, and when it was cancelled", () => {
  const plan = planOf(SPEC);
  const run = putOff();
  const before = run.state;
  expect(restoreRun(plan, saveRun(plan, before))).toEqual(before);
  run.now = AT;
  run.fire("t");
  const newer = { ...saveRun(plan, run.state), nodes: rowsOf(plan, run.state.nodes, before.nodes) };
  expect(patchRun(plan, before, newer)).toEqual(run.state);
  const { state } = putOff().cancel();
  expect(restoreRun(plan, saveRun(plan, state)).nodes[0]).toEqual(state.nodes[0]);
});
