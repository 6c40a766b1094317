/** Runs that wait for room among the runs of their workflow. */
import { expect, test } from "vitest";
import { patchRun, restoreRun } from "../../../src/core/run/advance.ts";
import { type PlanSpec, planOf, VALUES } from "../../support/run/plans.ts";
import { NOW, TestRun } from "../../support/run/runs.ts";
import { rowsOf, saveRun } from "../../support/run/save.ts";

const SPEC: PlanSpec = {
  nodes: {
    t: { kind: "trigger" },
    a: { kind: "action" },
    w: { kind: "wait", for: { signal: "go" } },
  },
  edges: [
    ["t", "a"],
    ["t", "w"],
  ],
  limited: true,
};
const AT = NOW + 60_000;

function started(event: { at?: number; waitsForRoom?: boolean; deadlineMs?: number }): TestRun {
  const run = new TestRun(planOf(SPEC), { values: VALUES, trigger: null });
  return run.send({ type: "started", trigger: 0, ...event });
}

const crowded = (): TestRun => started({ waitsForRoom: true });

test("without room the trigger waits, nothing behind it begins, and the run is queued", () => {
  const run = crowded();
  expect(run.said).toEqual(["schedule t null"]);
  expect(run.node("t")).toMatchObject({
    status: "waiting",
    waitingFor: "concurrency",
    dueAt: null,
    fence: 0,
  });
  expect(run.statuses).toEqual({ a: "pending", w: "pending" });
  expect(run.state.status).toBe("queued");
});

test("with room the run begins at once", () => {
  expect(started({}).said).toEqual(["dispatch a", "schedule w null"]);
});

test("admitted, it is like a run that had room at once; admitted again, nothing happens", () => {
  const run = crowded().send({ type: "admitted" });
  expect(run.said).toEqual(["dispatch a", "schedule w null"]);
  expect(run.state).toEqual(started({}).state);
  const { state } = run;
  expect(run.send({ type: "admitted" }).state).toBe(state);
});

test("no timer lets it begin", () => {
  const run = crowded();
  const { state } = run;
  expect(run.fire("t").state).toBe(state);
});

test("a delayed start waits for its time, and then for room", () => {
  const run = started({ at: AT, waitsForRoom: true });
  expect(run.node("t")).toMatchObject({ waitingFor: "timer", dueAt: AT });
  run.now = AT;
  run.fire("t");
  expect(run.node("t")).toMatchObject({ status: "waiting", waitingFor: "concurrency", dueAt: null });
  expect(run.state.status).toBe("queued");
  expect(run.send({ type: "admitted" }).said).toEqual(["dispatch a", "schedule w null"]);
});

test("a delayed start that is admitted before its timer fires begins then", () => {
  const run = started({ at: AT, waitsForRoom: true }).send({ type: "admitted" });
  expect(run.said).toEqual(["dispatch a", "schedule w null"]);
  run.now = AT;
  const { state } = run;
  expect(run.fire("t").state).toBe(state);
});

test("cancelled, it is over, and is not admitted any more", () => {
  const run = crowded().cancel();
  expect(run.state.status).toBe("cancelled");
  const { state } = run;
  expect(run.send({ type: "admitted" }).state).toBe(state);
});

test("paused, it takes its room, and begins at the resume", () => {
  const run = crowded().pause().send({ type: "admitted" });
  expect(run.said).toEqual(["schedule w null"]);
  expect(run.state.status).toBe("paused");
  expect(run.resume().said).toEqual(["dispatch a"]);
});

test("a resume alone gives no room", () => {
  const run = crowded().pause().resume();
  expect(run.said).toEqual([]);
  expect(run.node("t").status).toBe("waiting");
});

test("its deadline counts from the start, and ends it while it waits", () => {
  const run = started({ waitsForRoom: true, deadlineMs: 10_000 });
  run.now = NOW + 10_000;
  run.fire("$output");
  expect(run.state.status).toBe("failed");
});

test("the store's rows give the same state again, before it is admitted and after", () => {
  const plan = planOf(SPEC);
  const run = crowded();
  const before = run.state;
  expect(restoreRun(plan, saveRun(plan, before))).toEqual(before);
  run.send({ type: "admitted" });
  const newer = { ...saveRun(plan, run.state), nodes: rowsOf(plan, run.state.nodes, before.nodes) };
  expect(patchRun(plan, before, newer)).toEqual(run.state);
});
