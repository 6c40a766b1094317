/** A node whose idempotency key another node run holds. */
import { describe, expect, test } from "vitest";
import { restoreRun } from "../../../src/core/run/advance.ts";
import { planOf, type PlanSpec, VALUES } from "../../support/run/plans.ts";
import { NOW, TestRun } from "../../support/run/runs.ts";
import { saveRun } from "../../support/run/save.ts";

const LOOK_MS = 30_000;

const spec = (deadline?: number): PlanSpec => ({
  nodes: {
    t: { kind: "trigger" },
    a: { kind: "action", ...(deadline === undefined ? {} : { deadline }) },
  },
  edges: [["t", "a"]],
});

function held(deadline?: number): TestRun {
  return keyHeld(new TestRun(planOf(spec(deadline))));
}

function keyHeld(run: TestRun): TestRun {
  return run.send({ type: "keyHeld", node: run.index("a"), fence: run.node("a").fence });
}

describe("while the key is held", () => {
  test("the node waits, under a new fence and without an attempt, and looks again", () => {
    const run = held();
    expect(run.said).toEqual([`schedule a ${LOOK_MS}`]);
    const waits = {
      status: "waiting",
      waitingFor: "key",
      dueAt: NOW + LOOK_MS,
      attempt: 0,
      fence: 1,
    } as const;
    expect(run.node("a")).toMatchObject(waits);
    expect(run.state.status).toBe("waiting");
    expect(run.fire("a").said).toEqual(["dispatch a"]);
    expect(run.node("a")).toMatchObject({ status: "ready", waitingFor: null, dueAt: null });
  });

  test("nothing of its key was used: the next attempt is the first, however often it waited", () => {
    const run = keyHeld(held().fire("a"));
    expect(run.node("a")).toMatchObject({ fence: 2, keyFence: 2 });
    run.fire("a").claim("a");
    expect(run.node("a")).toMatchObject({ fence: 3, keyFence: 2, attempt: 1 });
  });

  test("after an attempt, its key is as old as it was", () => {
    const run = new TestRun(planOf(spec())).claim("a");
    run.send({ type: "released", node: run.index("a"), fence: 1 });
    expect(keyHeld(run).node("a")).toMatchObject({ waitingFor: "key", keyFence: 0, attempt: 0 });
  });

  test("it looks again at its deadline, which ends it", () => {
    const run = held(10_000);
    expect(run.said).toEqual(["schedule a 10000"]);
    run.now = NOW + 10_000;
    run.fire("a");
    expect(run.node("a")).toMatchObject({ status: "failed", failure: "open" });
  });

  test("it is too late for a node whose deadline has passed", () => {
    const run = new TestRun(planOf(spec(10_000)));
    run.now = NOW + 10_000;
    expect(keyHeld(run).node("a").status).toBe("failed");
  });

  test("a node that runs, or has another fence, knows better", () => {
    const run = new TestRun(planOf(spec()));
    const { state } = run;
    run.send({ type: "keyHeld", node: run.index("a"), fence: 7 });
    expect(run.state).toBe(state);
    expect(keyHeld(run.claim("a")).node("a").status).toBe("running");
  });

  test("a paused run keeps it as it is, and one that is resumed looks at once", () => {
    const paused = new TestRun(planOf(spec())).pause();
    expect(keyHeld(paused).node("a").status).toBe("ready");
    const waiting = held().pause();
    expect(waiting.fire("a").node("a").status).toBe("waiting");
    expect(waiting.resume().said).toEqual(["dispatch a"]);
  });

  test("a cancel ends it at once", () => {
    expect(held().cancel().state.status).toBe("cancelled");
  });

  test("the store's rows give the same state again", () => {
    const { plan, state } = held();
    expect(restoreRun(plan, { ...saveRun(plan, state), values: VALUES })).toEqual(state);
  });
});
