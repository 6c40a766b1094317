/** What people may do with a node that failed, and why not. */
import { expect, test } from "vitest";
import { refusalOf, type Operation } from "../../../src/core/run/refusal.ts";
import { type NodeSpec, planOf } from "../../support/run/plans.ts";
import { TestRun } from "../../support/run/runs.ts";

const undone: NodeSpec = { kind: "action", compensate: true };
const action: NodeSpec = { kind: "action" };
const ACTIONS = ["redrive", "complete", "discard"] as const;

/** `a`, which can be undone, and then `b`. */
const saga = (onFailure?: "compensate"): TestRun =>
  new TestRun(
    planOf({
      nodes: { t: { kind: "trigger" }, a: undone, b: action },
      edges: [
        ["t", "a"],
        ["a", "b"],
      ],
      ...(onFailure ? { onFailure } : {}),
    }),
  );

const answers = (run: TestRun, id: string): readonly unknown[] =>
  ACTIONS.map((name: Operation["action"]) =>
    refusalOf(run.plan, run.state, { node: run.index(id), action: name }),
  );

test("an open dead letter may be redriven, completed and discarded", () => {
  expect(answers(saga().claim("a").fail("a"), "a")).toEqual([null, null, null]);
});

test("a node that did not fail, or whose letter is resolved, is none", () => {
  const none = ["not_a_dead_letter", "not_a_dead_letter", "not_a_dead_letter"];
  expect(answers(saga().claim("a"), "a")).toEqual(none);
  expect(answers(saga().claim("a").fail("a").discard("a"), "a")).toEqual(none);
});

test("nothing of a cancelled run is run again", () => {
  const run = saga().run("a").claim("b").fail("b").cancel();
  expect(answers(run, "b")).toEqual(["run_cancelled", null, null]);
});

test("a letter that was closed because the run is undone stays closed", () => {
  const run = saga("compensate").run("a").claim("b").fail("b");
  expect(run.state.status).toBe("compensating");
  expect(answers(run, "b")).toEqual(["run_compensating", "run_compensating", "run_compensating"]);
});

test("a compensation that gave up may be redriven, in a cancelled run too", () => {
  const run = saga().run("a").claim("b").cancel(true).succeed("b");
  const id = "a$compensate";
  expect(run.statuses).toMatchObject({ [id]: "ready" });
  expect(answers(run.claim(id).fail(id), id)).toEqual([null, null, null]);
});
