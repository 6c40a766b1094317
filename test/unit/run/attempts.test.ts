/** From `ready` to the end of an attempt: queue, claims, retries, lost workers. */
import { describe, expect, test } from "vitest";
import { DEFAULT_RETRY } from "../../../src/core/definition/retry.ts";
import { chainOf, planOf } from "../../support/run/plans.ts";
import { ERROR, NOW, TestRun } from "../../support/run/runs.ts";

const one = () => new TestRun(chainOf({ a: { kind: "action" } }));

/** With an error edge. */
const guarded = () =>
  new TestRun(
    planOf({
      nodes: { t: { kind: "trigger" }, a: { kind: "action" }, sorry: { kind: "action" } },
      edges: [
        ["t", "a"],
        ["a", "sorry", "error"],
      ],
    }),
  );

describe("the queue", () => {
  test("a ready node is handed over, sent again, and claimed", () => {
    const run = one().enqueue("a");
    expect(run.node("a")).toMatchObject({ status: "queued", dispatches: 1, fence: 0 });
    run.send({ type: "requeued", node: 1, fence: 0 });
    expect(run.node("a")).toMatchObject({ status: "queued", dispatches: 2 });
    run.claim("a", "w7");
    expect(run.node("a")).toMatchObject({
      status: "running",
      fence: 1,
      attempt: 1,
      dispatches: 0,
      worker: "w7",
    });
    expect(run.state.status).toBe("running");
    expect(run.said).toEqual([]);
  });

  test("what is not ready is not handed over, what is not queued not sent again, what runs not claimed", () => {
    const run = one();
    const ready = run.state;
    expect(run.send({ type: "requeued", node: 1, fence: 0 }).giveBack("a").state).toBe(ready);
    run.enqueue("a");
    const queued = run.state;
    expect(run.enqueue("a").send({ type: "requeued", node: 1, fence: 3 }).state).toBe(queued);
    expect(run.send({ type: "claimed", node: 1, fence: 3, worker: "w" }).state).toBe(queued);
    run.claim("a");
    const running = run.state;
    expect(run.enqueue("a").claim("a").giveBack("a").state).toBe(running);
    expect(run.send({ type: "requeued", node: 1, fence: 1 }).state).toBe(running);
  });

  test("a task that was given back is offered again when its time has come", () => {
    const run = one().enqueue("a").giveBack("a", 1_500.2);
    expect(run.node("a")).toMatchObject({ status: "ready", dueAt: NOW + 1_501, dispatches: 1, fence: 0 });
    run.fire("a");
    expect(run.node("a")).toMatchObject({ status: "ready", dueAt: null });
    expect(run.said).toEqual(["dispatch a"]);
    const { state } = run;
    expect(run.fire("a").state).toBe(state);
    expect(run.enqueue("a").node("a").dispatches).toBe(2);
  });

  test("a node that is held back may be claimed or handed over before its time", () => {
    expect(one().enqueue("a").giveBack("a").claim("a").node("a")).toMatchObject({
      status: "running",
      dueAt: null,
    });
    expect(one().enqueue("a").giveBack("a").enqueue("a").node("a")).toMatchObject({
      status: "queued",
      dueAt: null,
    });
  });
});

describe("retries", () => {
  test("the default ladder: two at once, then three pauses, six attempts in all", () => {
    const run = one();
    const seen: string[] = [];
    for (let tries = 0; run.node("a").status !== "failed"; tries++) {
      if (run.node("a").status === "waiting") run.fire("a");
      if (run.node("a").status === "ready") run.claim("a");
      expect(run.node("a").attempt).toBe(tries + 1);
      run.fail("a", { verdict: "retry", retry: DEFAULT_RETRY });
      seen.push(...run.said);
    }
    expect(seen).toEqual([
      "retryNow a 2 100",
      "retryNow a 3 100",
      "schedule a 60000",
      "schedule a 300000",
      "schedule a 1800000",
      "deadLetter a http",
      "finish failed",
    ]);
    expect(run.node("a")).toMatchObject({ attempt: 6, failure: "open" });
  });

  test.each([
    { immediate: 0, backoffMs: [], attempts: 1 },
    { immediate: 1, backoffMs: [], attempts: 2 },
    { immediate: 0, backoffMs: [5], attempts: 2 },
    { immediate: 3, backoffMs: [5, 6], attempts: 6 },
  ])("$immediate at once and pauses $backoffMs: $attempts attempts", ({ attempts, ...retry }) => {
    const run = one();
    let tries = 0;
    while (run.node("a").status !== "failed") {
      if (run.node("a").status === "waiting") run.fire("a");
      if (run.node("a").status === "ready") run.claim("a");
      run.fail("a", { verdict: "retry", retry });
      tries++;
    }
    expect(tries).toBe(attempts);
  });

  test("the jitter: 100 ms to 1 s at once, up to a tenth more in between", () => {
    const retry = { immediate: 1, backoffMs: [60_000] };
    const at = (random: number) => {
      const run = one().claim("a").fail("a", { verdict: "retry", retry, random });
      return [...run.said, ...run.fail("a", { verdict: "retry", retry, random }).said];
    };
    expect(at(0)).toEqual(["retryNow a 2 100", "schedule a 60000"]);
    expect(at(0.5)).toEqual(["retryNow a 2 550", "schedule a 63000"]);
    expect(at(0.999)).toEqual(["retryNow a 2 999", "schedule a 65994"]);
  });

  test("the next attempt at once goes on in the same worker under a new fence", () => {
    const run = one().claim("a", "w1").fail("a", { verdict: "retry", retry: DEFAULT_RETRY });
    expect(run.node("a")).toMatchObject({ status: "running", worker: "w1", fence: 2, attempt: 2 });
    expect(run.succeed("a").node("a")).toMatchObject({ status: "succeeded", attempt: 2, fence: 2 });
  });

  test("a pause holds no worker, and the next claim is the next attempt", () => {
    const run = one()
      .claim("a")
      .fail("a", { verdict: "retry", retry: { immediate: 0, backoffMs: [1_000] } });
    expect(run.node("a")).toMatchObject({
      status: "waiting",
      waitingFor: "retry",
      worker: null,
      fence: 2,
      attempt: 1,
      dueAt: NOW + 1_000,
    });
    expect(run.state.status).toBe("waiting");
    run.fire("a");
    expect(run.node("a")).toMatchObject({ status: "ready", waitingFor: null, dueAt: null });
    expect(run.said).toEqual(["dispatch a"]);
    expect(run.claim("a").node("a")).toMatchObject({ fence: 3, attempt: 2 });
  });

  test("`later` costs no attempt and keeps to its time", () => {
    const run = one().claim("a").fail("a", { verdict: "later", afterMs: 30_000.5 });
    expect(run.node("a")).toMatchObject({
      status: "waiting",
      waitingFor: "retry",
      attempt: 0,
      dueAt: NOW + 30_001,
    });
    expect(run.said).toEqual(["schedule a 30001"]);
    expect(run.fire("a").claim("a").node("a").attempt).toBe(1);
    expect(run.fail("a", { verdict: "later", afterMs: -5 }).said).toEqual(["schedule a 0"]);
  });

  test("a permanent failure is not tried again, and takes the error edge", () => {
    const run = guarded().claim("a").fail("a", { retry: DEFAULT_RETRY });
    expect(run.node("a")).toMatchObject({ status: "failed", failure: "handled", outcome: "error" });
  });

  test("the last failure of the ladder takes the error edge", () => {
    expect(guarded().claim("a").fail("a", { verdict: "retry" }).said).toEqual(["dispatch sorry"]);
  });

  test("an unknown outcome is a dead letter and never takes the error edge", () => {
    const run = guarded().claim("a").fail("a", { verdict: "outcomeUnknown" });
    expect(run.node("a")).toMatchObject({ status: "failed", failure: "open", outcome: null });
    expect(run.said).toEqual(["deadLetter a outcome_unknown", "finish failed"]);
    expect(run.commands[0]).toMatchObject({ error: { class: "outcome_unknown", cause: "http" } });
  });

  test("an error that already says that its outcome is unknown stays as it is", () => {
    const error = { class: "outcome_unknown", message: "gone", cause: "timeout" };
    const run = one().claim("a").fail("a", { verdict: "outcomeUnknown", error });
    expect(run.commands[0]).toEqual({ type: "deadLetter", node: 1, error });
  });
});

describe("workers that go", () => {
  test("a node that is released is offered again, and its attempt does not count", () => {
    const run = one().claim("a").release("a");
    expect(run.node("a")).toMatchObject({ status: "ready", worker: null, fence: 2, attempt: 0 });
    expect(run.said).toEqual(["dispatch a"]);
  });

  test("a lost worker costs no attempt, and the third in a row parks the node", () => {
    const run = guarded();
    for (const losses of [1, 2]) {
      run.claim("a").lose("a");
      expect(run.node("a")).toMatchObject({ status: "ready", losses, attempt: 0, fence: losses * 2 });
      expect(run.said).toEqual(["dispatch a"]);
    }
    run.claim("a").lose("a");
    expect(run.node("a")).toMatchObject({ status: "failed", failure: "open", losses: 0 });
    expect(run.commands[0]).toMatchObject({
      type: "deadLetter",
      error: { class: "poison", message: "3 workers in a row were lost while they ran this node. it failed" },
    });
  });

  test("an answer in between begins the count anew; being released does not", () => {
    const retry = { immediate: 1, backoffMs: [] };
    const run = one()
      .claim("a")
      .lose("a")
      .claim("a")
      .lose("a")
      .claim("a")
      .fail("a", { verdict: "retry", retry });
    expect(run.node("a").losses).toBe(0);
    run.lose("a").claim("a").release("a").claim("a").lose("a");
    expect(run.node("a")).toMatchObject({ status: "ready", losses: 2 });
    expect(run.claim("a").lose("a").node("a").status).toBe("failed");
  });

  test.each([
    { verdict: { type: "permanent" }, expected: { status: "failed", failure: "handled" } },
    { verdict: { type: "outcomeUnknown" }, expected: { status: "failed", failure: "open" } },
    { verdict: { type: "later", afterMs: 100 }, expected: { status: "waiting", attempt: 0 } },
  ] as const)("a lost worker by effect class: $verdict.type", ({ verdict, expected }) => {
    expect(guarded().claim("a").lose("a", verdict).node("a")).toMatchObject(expected);
  });

  test("whoever lost its claim changes nothing any more", () => {
    const run = one().claim("a").lose("a").claim("a");
    const { state } = run;
    for (const fence of [0, 1, 2]) {
      run.send({ type: "succeeded", node: 1, fence, output: "late" });
      run.send({ type: "leaseLost", node: 1, fence, verdict: { type: "retry" }, error: ERROR });
      run.send({ type: "released", node: 1, fence });
    }
    expect(run.state).toBe(state);
  });

  test("`$output` is held by nobody: it is neither released nor lost", () => {
    const run = one().run("a");
    const { state } = run;
    expect(run.release("$output").lose("$output").claim("$output").state).toBe(state);
  });
});
