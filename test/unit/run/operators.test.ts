/** What people ask of a run: pause, resume, cancel, and what becomes of dead letters. */
import { describe, expect, test } from "vitest";
import { chainOf, type NodeSpec, planOf } from "../../support/run/plans.ts";
import { NOW, TestRun } from "../../support/run/runs.ts";

const action: NodeSpec = { kind: "action" };
const chain = () => new TestRun(chainOf({ a: action, b: action }));
/** `a`, `b` and `w` side by side, and `after` behind all of them. */
const wide = (w: NodeSpec = { kind: "wait", for: { duration: 5_000 } }) =>
  new TestRun(
    planOf({
      nodes: { t: { kind: "trigger" }, a: action, b: action, w, after: action },
      edges: [
        ["t", "a"],
        ["t", "b"],
        ["t", "w"],
        ["a", "after"],
        ["b", "after"],
        ["w", "after"],
      ],
    }),
  );

describe("a pause", () => {
  test("takes back what was handed over, and lets what runs end", () => {
    const run = wide().enqueue("a").claim("b").pause();
    expect(run.state).toMatchObject({ status: "paused", paused: true });
    expect(run.node("a")).toMatchObject({ status: "ready", dispatches: 1 });
    expect(run.said).toEqual([]);
    run.succeed("b").claim("a").enqueue("a").fire("w");
    expect(run.statuses).toMatchObject({ a: "ready", b: "succeeded", w: "waiting" });
    expect(run.state.status).toBe("paused");
  });

  test("twice is once, and a resume without one is nothing", () => {
    const run = chain();
    const { state } = run;
    expect(run.resume().state).toBe(state);
    const { state: paused } = run.pause();
    expect(run.pause().state).toBe(paused);
    expect(run.resume().state.paused).toBe(false);
  });

  test("is not for a run that failed, nor for one that was cancelled", () => {
    const failed = chain().claim("a").fail("a");
    const { state } = failed;
    expect(failed.pause().state).toBe(state);
    const cancelled = wide().claim("a").cancel();
    const { state: cancelling } = cancelled;
    expect(cancelled.pause().state).toBe(cancelling);
  });

  test("becomes ready what follows, but is not offered before the resume", () => {
    const run = chain().claim("a").pause().succeed("a");
    expect(run.statuses).toEqual({ a: "succeeded", b: "ready" });
    expect(run.said).toEqual([]);
    expect(run.resume().said).toEqual(["dispatch b"]);
    expect(run.state.status).toBe("running");
  });

  test("the run does not come to rest in it", () => {
    const run = chain().claim("a").pause().fail("a");
    expect(run.said).toEqual(["deadLetter a http"]);
    expect(run.state.status).toBe("paused");
    expect(run.resume().said).toEqual(["finish failed"]);
  });

  test("the output is not rendered in it", () => {
    const run = new TestRun(chainOf({ a: action })).run("a");
    expect(run.node("$output").status).toBe("running");
    expect(run.pause().node("$output").status).toBe("pending");
    expect(run.resume().said).toEqual(["renderOutput $output"]);
  });

  test("an attempt at once waits for the resume", () => {
    const run = chain().claim("a").pause();
    run.fail("a", { verdict: "retry", retry: { immediate: 1, backoffMs: [] } });
    expect(run.node("a")).toMatchObject({ status: "waiting", waitingFor: "retry", attempt: 1, dueAt: NOW });
    expect(run.resume().said).toEqual(["dispatch a"]);
    expect(run.claim("a").node("a").attempt).toBe(2);
  });

  test("what is lost or released in it is offered at the resume", () => {
    const run = wide().claim("a").claim("b").pause().release("a").lose("b");
    expect(run.statuses).toMatchObject({ a: "ready", b: "ready" });
    expect(run.said).toEqual([]);
    expect(run.resume().said).toEqual(["dispatch a", "dispatch b"]);
  });

  test("clocks go on: what fell due meanwhile fires at the resume, the rest later", () => {
    const run = wide().pause();
    run.now += 4_999;
    expect(run.resume().node("w").status).toBe("waiting");
    run.pause();
    run.now += 1;
    run.fire("w");
    expect(run.node("w").status).toBe("waiting");
    expect(run.resume().node("w")).toMatchObject({ status: "succeeded", outcome: "elapsed" });
  });

  test("messages are kept, and delivered at the resume in the order of arrival", () => {
    const run = wide({ kind: "wait", for: { signal: "go" } })
      .pause()
      .signal("go", 1)
      .signal("go", 2);
    expect(run.node("w").status).toBe("waiting");
    expect(run.said).toEqual(["keepMessage m2"]);
    run.resume();
    expect(run.node("w").outcome).toBe("received");
    expect(run.said).toEqual(["record w 1 null", "dropMessage m1", "dispatch a", "dispatch b"]);
    expect(run.state.kept.map(({ id }) => id)).toEqual(["m2"]);
  });

  test("a signal that came before the timeout wins against it at the resume", () => {
    const wait: NodeSpec = { kind: "wait", for: { signal: "go", timeout: 1_000 }, onTimeout: "skip" };
    const inTime = wide(wait)
      .pause()
      .signal("go", 1, NOW + 900);
    inTime.now += 2_000;
    expect(inTime.resume().node("w").outcome).toBe("received");
    const late = wide(wait)
      .pause()
      .signal("go", 1, NOW + 1_100);
    late.now += 2_000;
    expect(late.resume().node("w").outcome).toBe("timeout");
  });

  test("an event is kept for a wait that is there already", () => {
    const run = wide({ kind: "wait", for: { event: "paid" } })
      .pause()
      .event("paid", 1)
      .event("other");
    expect(run.state.kept.map(({ id }) => id)).toEqual(["m1"]);
    expect(run.resume().node("w").outcome).toBe("received");
  });

  test("a wait that is entered in it takes what was kept at the resume only", () => {
    const run = new TestRun(chainOf({ a: action, w: { kind: "wait", for: { signal: "go" } } }));
    run.claim("a").signal("go", 1).pause().succeed("a");
    expect(run.node("w").status).toBe("waiting");
    expect(run.resume().node("w")).toMatchObject({ status: "succeeded", outcome: "received" });
    expect(run.state.kept).toEqual([]);
  });

  test("what is delivered at the resume may wake a chain of waits", () => {
    const wait: NodeSpec = { kind: "wait", for: { signal: "go" } };
    const run = new TestRun(chainOf({ w1: wait, w2: wait, w3: wait }))
      .pause()
      .signal("go", 1)
      .signal("go", 2);
    expect(run.resume().statuses).toEqual({ w1: "succeeded", w2: "succeeded", w3: "waiting" });
    expect(run.state.kept).toEqual([]);
  });
});

describe("a cancel", () => {
  test("ends what does not run, and asks what runs to stop", () => {
    const run = wide().enqueue("a").claim("b").cancel();
    expect(run.statuses).toEqual({ a: "cancelled", b: "running", w: "cancelled", after: "cancelled" });
    expect(run.node("$output").status).toBe("cancelled");
    expect(run.said).toEqual(["abort b"]);
    expect(run.state.status).toBe("cancelling");
    const { state } = run;
    expect(run.cancel().state).toBe(state);
  });

  test.each([
    { what: "a late success", end: (run: TestRun) => run.succeed("b", 1), status: "succeeded" },
    { what: "a failure", end: (run: TestRun) => run.fail("b"), status: "cancelled" },
    {
      what: "a failure to be retried",
      end: (run: TestRun) => run.fail("b", { verdict: "retry" }),
      status: "cancelled",
    },
    {
      what: "a failure to come back",
      end: (run: TestRun) => run.fail("b", { verdict: "later" }),
      status: "cancelled",
    },
    {
      what: "an unknown outcome",
      end: (run: TestRun) => run.fail("b", { verdict: "outcomeUnknown" }),
      status: "failed",
    },
    { what: "a release", end: (run: TestRun) => run.release("b"), status: "cancelled" },
    { what: "a lost worker", end: (run: TestRun) => run.lose("b"), status: "cancelled" },
  ])("$what is recorded as $status, and ends the run", ({ end, status }) => {
    const run = end(wide().claim("b").cancel());
    expect(run.node("b").status).toBe(status);
    expect(run.statuses).toMatchObject({ a: "cancelled", w: "cancelled", after: "cancelled" });
    expect(run.state.status).toBe("cancelled");
    expect(run.said.at(-1)).toBe("finish cancelled");
  });

  test("where nothing runs ends the run at once, paused, waiting or failed", () => {
    for (const run of [wide(), wide().pause(), chain().claim("a").fail("a")]) {
      expect(run.cancel().said).toEqual(["finish cancelled"]);
      expect(run.state).toMatchObject({ status: "cancelled", paused: false });
    }
  });

  test("also ends a run whose output is being rendered", () => {
    const run = new TestRun(chainOf({ a: action })).run("a").cancel();
    expect(run.node("$output").status).toBe("cancelled");
    expect(run.state.status).toBe("cancelled");
  });

  test("takes no message any more", () => {
    const run = wide({ kind: "wait", for: { signal: "go" } })
      .claim("a")
      .cancel();
    const { state } = run;
    expect(run.signal("go").event("go").state).toBe(state);
  });

  test("keeps dead letters, which are resolved but never run again", () => {
    const run = wide().claim("b").fail("b").cancel();
    expect(run.node("b")).toMatchObject({ status: "failed", failure: "open" });
    const { state } = run;
    expect(run.redrive("b").state).toBe(state);
    expect(run.discard("b").node("b").failure).toBe("discarded");
    expect(run.state.status).toBe("cancelled");
    expect(run.said).toEqual([]);
  });

  test("an output that was supplied by hand stays supplied", () => {
    const run = new TestRun(chainOf({ a: action })).run("a").fail("$output").cancel().complete("$output", 1);
    expect(run.node("$output").status).toBe("succeeded");
    expect(run.state.status).toBe("cancelled");
  });
});

describe("a dead letter", () => {
  const dead = () => chain().claim("a").fail("a");

  test("is redriven in the same run, with the same key or a new one", () => {
    const run = dead().redrive("a");
    expect(run.node("a")).toMatchObject({
      status: "ready",
      failure: null,
      fence: 2,
      attempt: 0,
      generation: 0,
    });
    expect(run.said).toEqual(["dispatch a"]);
    expect(run.state).toMatchObject({ status: "running", counts: { deadLetters: 0 } });
    run.claim("a").fail("a").redrive("a", true);
    expect(run.node("a")).toMatchObject({ generation: 1, worker: null });
    expect(run.run("a").statuses).toEqual({ a: "succeeded", b: "ready" });
  });

  test("that is redriven in a pause is offered at the resume", () => {
    const run = wide().claim("a").fail("a").pause().redrive("a");
    expect(run.node("a").status).toBe("ready");
    expect(run.said).toEqual([]);
    expect(run.resume().said).toEqual(["dispatch a", "dispatch b"]);
  });

  test("is completed by hand", () => {
    const run = dead().complete("a", { id: 7 });
    expect(run.node("a")).toMatchObject({ status: "succeeded", outcome: "success", failure: null });
    expect(run.said).toEqual(["dispatch b"]);
    expect(run.state.values.outputs.get(1)).toEqual({ id: 7 });
    expect(run.state.values.errors.size).toBe(0);
  });

  test("is given up: its edges die", () => {
    const run = dead().discard("a");
    expect(run.node("a")).toMatchObject({ status: "failed", failure: "discarded", outcome: null });
    expect(run.statuses).toEqual({ a: "failed", b: "skipped" });
    expect(run.said).toEqual(["renderOutput $output"]);
    expect(run.state.values.errors.size).toBe(1);
    run.succeed("$output");
    expect(run.state.status).toBe("succeeded");
  });

  test("is resolved once; what is no dead letter not at all", () => {
    const run = dead().discard("a");
    const { state } = run;
    expect(run.discard("a").redrive("a").complete("a").state).toBe(state);
    expect(run.discard("b").redrive("b").complete("b").discard("start").complete("start").state).toBe(state);
  });

  test("of an error that was handled is none", () => {
    const nodes: Record<string, NodeSpec> = { t: { kind: "trigger" }, a: action, sorry: action };
    const run = new TestRun(
      planOf({
        nodes,
        edges: [
          ["t", "a"],
          ["a", "sorry", "error"],
        ],
      }),
    )
      .claim("a")
      .fail("a");
    const { state } = run;
    expect(run.redrive("a").complete("a").discard("a").state).toBe(state);
  });

  test("of a condition is completed with one of its outcomes", () => {
    const failing: NodeSpec = { kind: "condition", cases: [["large", () => 1]] };
    for (const outcome of ["large", "else"]) {
      const run = new TestRun(chainOf({ c: failing })).complete("c", "ignored", outcome);
      expect(run.node("c")).toMatchObject({ status: "succeeded", outcome });
      expect(run.said).toEqual([`record c {"outcome":"${outcome}"} null`, "renderOutput $output"]);
    }
    const run = new TestRun(chainOf({ c: failing }));
    const { state } = run;
    expect(run.complete("c").complete("c", null, "small").complete("c", null, "error").state).toBe(state);
  });

  test("of a condition may fail again at once when it is redriven", () => {
    const run = new TestRun(chainOf({ c: { kind: "condition", cases: [["large", () => 1]] } })).redrive("c");
    expect(run.said).toEqual(["record c null expression", "deadLetter c expression"]);
    expect(run.node("c")).toMatchObject({ status: "failed", failure: "open", fence: 3, attempt: 1 });
    expect(run.state.status).toBe("failed");
  });

  test.each([
    {
      wait: { until: () => "never" },
      right: ["elapsed"],
      wrong: ["received", "timeout", "error", undefined],
    },
    {
      wait: { signal: "go", timeout: 1 },
      right: ["received", "timeout"],
      wrong: ["elapsed", "error", undefined],
    },
  ] as const)("of a wait is completed with one of its outcomes: $right", ({ wait, right, wrong }) => {
    const failed = () => {
      const run = new TestRun(chainOf({ w: { kind: "wait", for: wait } }));
      return run.node("w").status === "waiting" ? run.fire("w") : run;
    };
    for (const outcome of right) {
      const run = failed().complete("w", { by: "hand" }, outcome);
      expect(run.node("w")).toMatchObject({ status: "succeeded", outcome, failure: null });
      expect(run.said).toEqual(['record w {"by":"hand"} null', "renderOutput $output"]);
    }
    for (const outcome of wrong) expect(failed().complete("w", null, outcome).node("w").failure).toBe("open");
  });

  test("of the output may be given up: the run succeeded without one", () => {
    const run = new TestRun(chainOf({ a: action })).run("a").fail("$output").discard("$output");
    expect(run.said).toEqual(["finish succeeded"]);
    expect(run.node("$output")).toMatchObject({ status: "failed", failure: "discarded" });
  });
});
