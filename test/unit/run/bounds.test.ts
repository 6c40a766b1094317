/** Deadlines of nodes, and how long others may put them off. */
import { describe, expect, test } from "vitest";
import { patchRun, restoreRun } from "../../../src/core/run/advance.ts";
import { chainOf, planOf } from "../../support/run/plans.ts";
import { NOW, TestRun } from "../../support/run/runs.ts";
import { saveRun } from "../../support/run/save.ts";

const DAY = 86_400_000;
const RETRY = { immediate: 1, backoffMs: [5_000, 60_000] };

const bounded = (deadline = 10_000) => new TestRun(chainOf({ a: { kind: "action", deadline } }));
const failing = (run: TestRun, random = 0) => run.fail("a", { verdict: "retry", retry: RETRY, random });

describe("the deadline of a node", () => {
  test("counts from the moment when the node may start", () => {
    const plan = chainOf({ first: { kind: "action" }, a: { kind: "action", deadline: 10_000 } });
    const run = new TestRun(plan);
    expect(run.node("a").deadlineAt).toBe(null);
    run.now += 7_000.2;
    run.run("first");
    expect(run.node("a").deadlineAt).toBe(NOW + 17_001);
    expect(run.claim("a").node("a").deadlineAt).toBe(NOW + 17_001);
    expect(run.succeed("a").node("a").deadlineAt).toBe(null);
  });

  test("a pause that would not end before it is not begun", () => {
    const run = bounded().claim("a");
    expect(failing(run).said).toEqual(["retryNow a 2 100"]);
    expect(failing(run).said).toEqual(["schedule a 5000"]);
    run.now += 5_000;
    run.fire("a").claim("a");
    failing(run);
    expect(run.said).toEqual([
      "record a null deadline_exceeded",
      "deadLetter a deadline_exceeded",
      "finish failed",
    ]);
    expect(run.node("a")).toMatchObject({ status: "failed", failure: "open", deadlineAt: null });
  });

  test.each([
    [9_899, "retryNow"],
    [9_900, "record"],
  ])("an attempt at once, %i ms after the start: %s", (ms, said) => {
    const run = bounded().claim("a");
    run.now += ms;
    expect(failing(run).said[0]).toMatch(said);
  });

  test.each(["later", "notYet"] as const)("`%s` does not go beyond it", (verdict) => {
    const run = bounded().claim("a");
    expect(run.fail("a", { verdict, afterMs: 9_999 }).said).toEqual(["schedule a 9999"]);
    run.now += 9_999;
    run.fire("a").claim("a").fail("a", { verdict, afterMs: 1 });
    expect(run.said[1]).toBe("deadLetter a deadline_exceeded");
  });

  test.each(["ready", "queued"] as const)("ends a node that nobody took: %s", (status) => {
    const run = bounded();
    if (status === "queued") run.enqueue("a");
    const { state } = run;
    expect(run.fire("a").state).toBe(state);
    run.now += 10_000;
    expect(run.fire("a").said[1]).toBe("deadLetter a deadline_exceeded");
    expect(run.commands[1]).toMatchObject({
      error: { message: 'The node "a" did not succeed before its deadline.' },
    });
  });

  test("is held against a claim that comes too late", () => {
    const run = bounded();
    run.now += 10_000;
    expect(run.claim("a").node("a")).toMatchObject({ status: "failed", worker: null, attempt: 0 });
  });

  test("ends what a worker gave up or lost", () => {
    for (const end of [(run: TestRun) => run.release("a"), (run: TestRun) => run.lose("a")]) {
      const run = bounded().claim("a");
      run.now += 10_000;
      expect(end(run).said[1]).toBe("deadLetter a deadline_exceeded");
    }
  });

  test("leaves an unknown outcome what it is", () => {
    const run = bounded().claim("a");
    run.now += 10_000;
    expect(run.fail("a", { verdict: "outcomeUnknown" }).said[0]).toBe("deadLetter a outcome_unknown");
  });

  test("says why the last attempt failed", () => {
    const run = bounded().claim("a");
    run.now += 10_000;
    failing(run);
    expect(run.commands[1]).toMatchObject({
      error: {
        class: "deadline_exceeded",
        cause: "http",
        message: 'The node "a" did not succeed before its deadline. it failed',
      },
    });
  });

  test("takes the error edge", () => {
    const run = new TestRun(
      planOf({
        nodes: { t: { kind: "trigger" }, a: { kind: "action", deadline: 5 }, b: { kind: "action" } },
        edges: [
          ["t", "a"],
          ["a", "b", "error"],
        ],
      }),
    );
    run.now += 5;
    expect(run.fire("a").said).toEqual(["record a null deadline_exceeded", "dispatch b"]);
  });

  test("does not pass while the run is paused, but at the resume", () => {
    const run = bounded().pause();
    run.now += 10_000;
    expect(run.fire("a").commands).toEqual([]);
    expect(run.resume().said[1]).toBe("deadLetter a deadline_exceeded");
  });

  test("begins anew with a redrive", () => {
    const run = bounded();
    run.now += 10_000;
    run.fire("a");
    run.now += 1_000;
    expect(run.redrive("a").node("a")).toMatchObject({ status: "ready", deadlineAt: NOW + 21_000 });
    expect(run.said).toEqual(["dispatch a"]);
  });

  test("is in the stored state", () => {
    const run = bounded().claim("a").fail("a", { verdict: "later", afterMs: 5 }).fire("a");
    const { plan, state } = run;
    const stored = saveRun(plan, state);
    expect(restoreRun(plan, stored)).toEqual(state);
    expect(patchRun(plan, bounded().state, stored)).toEqual(state);
  });
});

describe("how long a node is put off", () => {
  test("24 hours in all, and then it gives up", () => {
    const run = new TestRun(chainOf({ a: { kind: "action" } }));
    for (const [afterMs, sum] of [
      [DAY / 2, DAY / 2],
      [DAY / 2 - 1, DAY - 1],
      [1, DAY],
    ] as const) {
      run.claim("a").fail("a", { verdict: "later", afterMs });
      expect(run.said).toEqual([`schedule a ${afterMs}`]);
      expect(run.node("a")).toMatchObject({ putOffMs: sum, attempt: 0 });
      run.fire("a");
    }
    run.claim("a").fail("a", { verdict: "later", afterMs: 1 });
    expect(run.said[1]).toBe("deadLetter a put_off_too_long");
    expect(run.commands[1]).toMatchObject({ error: { cause: "http" } });
    expect(run.node("a").putOffMs).toBe(0);
  });

  test("polling does not count, and a redrive begins anew", () => {
    const run = new TestRun(chainOf({ a: { kind: "action" } })).claim("a");
    run.fail("a", { verdict: "notYet", afterMs: 3 * DAY }).fire("a");
    expect(run.node("a")).toMatchObject({ putOffMs: 0, attempt: 0 });
    run.claim("a").fail("a", { verdict: "later", afterMs: DAY }).fire("a").claim("a").fail("a");
    expect(run.redrive("a").node("a").putOffMs).toBe(0);
  });
});

test("the key's own fence: the first attempt under a key is the claim that follows it", () => {
  const run = new TestRun(chainOf({ a: { kind: "action" } })).claim("a");
  expect(run.node("a")).toMatchObject({ fence: 1, keyFence: 0 });
  run.fail("a").redrive("a").claim("a");
  expect(run.node("a")).toMatchObject({ fence: 3, keyFence: 0 });
  run.fail("a").redrive("a", true).enqueue("a").giveBack("a").claim("a");
  expect(run.node("a")).toMatchObject({ fence: 5, keyFence: 4, generation: 1 });
  run.release("a").claim("a");
  expect(run.node("a")).toMatchObject({ fence: 7, keyFence: 4 });
});
