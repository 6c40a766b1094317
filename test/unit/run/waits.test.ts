/** Waits: timers, timeouts, and what signals and events wake. */
import { describe, expect, test } from "vitest";
import { MAX_KEPT_EVENTS } from "../../../src/core/run/kept.ts";
import { chainOf, type NodeSpec, planOf } from "../../support/run/plans.ts";
import { NOW, TestRun } from "../../support/run/runs.ts";

type WaitFor = Extract<NodeSpec, { kind: "wait" }>["for"];

const one = (forWhat: WaitFor, onTimeout?: "fail" | "skip") =>
  new TestRun(chainOf({ w: { kind: "wait", for: forWhat, ...(onTimeout ? { onTimeout } : {}) } }));

/** An action, then a wait that it must end for. */
const later = (forWhat: WaitFor) =>
  new TestRun(chainOf({ a: { kind: "action" }, w: { kind: "wait", for: forWhat } }));

describe("a timer", () => {
  test("waits without a worker, and elapses", () => {
    const run = one({ duration: 5_000 });
    expect(run.node("w")).toMatchObject({
      status: "waiting",
      waitingFor: "timer",
      dueAt: NOW + 5_000,
      fence: 1,
      attempt: 1,
    });
    expect(run.said).toEqual(["schedule w 5000"]);
    expect(run.state.status).toBe("waiting");
    run.fire("w");
    expect(run.node("w")).toMatchObject({
      status: "succeeded",
      outcome: "elapsed",
      dueAt: null,
      waitingFor: null,
    });
    expect(run.said).toEqual(["record w null null", "renderOutput $output"]);
    const { state } = run;
    expect(run.fire("w").state).toBe(state);
  });

  test.each([
    { until: "2026-01-02T03:04:05Z", now: Date.UTC(2026, 0, 2, 3, 4, 0), delayMs: 5_000 },
    { until: "2026-01-02", now: Date.UTC(2026, 0, 1, 23), delayMs: 3_600_000 },
    { until: NOW + 250.4, now: NOW, delayMs: 251 },
    { until: NOW - 1, now: NOW, delayMs: 0 },
  ])("until $until: $delayMs ms", ({ until, now, delayMs }) => {
    const run = new TestRun(chainOf({ w: { kind: "wait", for: { until: () => until } } }), { trigger: null });
    run.now = now;
    run.send({ type: "started", trigger: 0 });
    expect(run.said).toEqual([`schedule w ${delayMs}`]);
  });

  test.each([
    { until: "tomorrow", type: "a string" },
    { until: true, type: "a boolean" },
    { until: [1], type: "a list" },
    { until: { at: 1 }, type: "an object" },
    { until: null, type: "null" },
  ])("until $until is no time: the wait fails", ({ until, type }) => {
    const run = one({ until: () => until });
    expect(run.node("w")).toMatchObject({ status: "failed", failure: "open", fence: 1, attempt: 1 });
    expect(run.said).toEqual(["record w null expression", "deadLetter w expression", "finish failed"]);
    expect(run.commands[1]).toMatchObject({ error: { message: expect.stringContaining(`not ${type}.`) } });
  });

  test("an `until` that throws fails the wait, which may have an error edge", () => {
    const nodes: Record<string, NodeSpec> = {
      t: { kind: "trigger" },
      w: {
        kind: "wait",
        for: {
          until: () => {
            throw new Error("no such key: at");
          },
        },
      },
      sorry: { kind: "action" },
    };
    const run = new TestRun(
      planOf({
        nodes,
        edges: [
          ["t", "w"],
          ["w", "sorry", "error"],
        ],
      }),
    );
    expect(run.node("w")).toMatchObject({ status: "failed", failure: "handled", outcome: "error" });
    expect(run.said).toEqual(["record w null expression", "dispatch sorry"]);
  });

  test("no message wakes a timer", () => {
    const run = one({ duration: 5_000 });
    run.signal("w").event("w");
    expect(run.node("w").status).toBe("waiting");
  });
});

describe("a timeout", () => {
  const timedOut = (
    edges: readonly (readonly [string, string, string?])[],
    onTimeout: "fail" | "skip" = "fail",
  ) => {
    const nodes: Record<string, NodeSpec> = {
      t: { kind: "trigger" },
      w: { kind: "wait", for: { signal: "go", timeout: 1_000 }, onTimeout },
      yes: { kind: "action" },
      no: { kind: "action" },
    };
    const run = new TestRun(planOf({ nodes, edges: [["t", "w"], ["w", "yes"], ...edges] }));
    expect(run.said).toEqual(["schedule w 1000"]);
    return run.fire("w");
  };

  test("with its edge is an outcome", () => {
    const run = timedOut([["w", "no", "timeout"]]);
    expect(run.node("w")).toMatchObject({ status: "succeeded", outcome: "timeout" });
    expect(run.statuses).toMatchObject({ yes: "skipped", no: "ready" });
  });

  test("without one fails the wait", () => {
    const run = timedOut([["w", "no", "received"]]);
    expect(run.node("w")).toMatchObject({ status: "failed", failure: "open" });
    expect(run.said).toEqual([
      "record w null wait_timed_out",
      "deadLetter w wait_timed_out",
      "finish failed",
    ]);
    expect(run.statuses).toMatchObject({ yes: "pending", no: "pending" });
    // A redrive waits again.
    expect(run.redrive("w").node("w")).toMatchObject({ status: "waiting", attempt: 1, dueAt: NOW + 1_000 });
  });

  test("without one takes the error edge", () => {
    expect(timedOut([["w", "no", "error"]]).statuses).toMatchObject({
      w: "failed",
      yes: "skipped",
      no: "ready",
    });
  });

  test("may be wanted: what follows is skipped", () => {
    const run = timedOut([["w", "no", "received"]], "skip");
    expect(run.statuses).toEqual({ w: "succeeded", yes: "skipped", no: "skipped" });
  });
});

describe("a signal", () => {
  test("wakes the wait for its name, with its payload", () => {
    const run = one({ signal: "go" });
    expect(run.said).toEqual(["schedule w null"]);
    run.signal("other");
    expect(run.said).toEqual(["keepMessage m1"]);
    run.signal("go", { by: "ada" });
    expect(run.node("w")).toMatchObject({ status: "succeeded", outcome: "received" });
    expect(run.said).toEqual(['record w {"by":"ada"} null', "renderOutput $output"]);
    expect(run.state.values.outputs.get(1)).toEqual({ by: "ada" });
  });

  test("wakes one wait only, the first of the plan; the next one wakes the next", () => {
    const nodes: Record<string, NodeSpec> = {
      t: { kind: "trigger" },
      w1: { kind: "wait", for: { signal: "go" } },
      w2: { kind: "wait", for: { signal: "go" } },
    };
    const run = new TestRun(
      planOf({
        nodes,
        edges: [
          ["t", "w1"],
          ["t", "w2"],
        ],
      }),
    ).signal("go", 1);
    expect(run.statuses).toEqual({ w1: "succeeded", w2: "waiting" });
    expect(run.signal("go", 2).statuses).toEqual({ w1: "succeeded", w2: "succeeded" });
  });

  test("that comes early is kept, and taken in the order of arrival", () => {
    const run = later({ signal: "go" }).signal("go", 1).signal("go", 2);
    expect(run.said).toEqual(["keepMessage m2"]);
    run.run("a");
    expect(run.node("w")).toMatchObject({ status: "succeeded", outcome: "received", fence: 1, attempt: 1 });
    expect(run.said).toEqual(["dropMessage m1", "record w 1 null", "renderOutput $output"]);
    expect(run.state.kept.map(({ id }) => id)).toEqual(["m2"]);
  });

  test("that is kept goes to the first wait of the plan, in whatever order the edges stand", () => {
    const wait: NodeSpec = { kind: "wait", for: { signal: "go" } };
    const nodes: Record<string, NodeSpec> = {
      t: { kind: "trigger" },
      a: { kind: "action" },
      w1: wait,
      w2: wait,
    };
    for (const [first, second] of [
      ["w1", "w2"],
      ["w2", "w1"],
    ] as const) {
      const run = new TestRun(
        planOf({
          nodes,
          edges: [
            ["t", "a"],
            ["a", first],
            ["a", second],
          ],
        }),
      )
        .signal("go")
        .run("a");
      expect(run.statuses).toEqual({ a: "succeeded", w1: "succeeded", w2: "waiting" });
    }
  });

  test("that is kept already is not kept twice", () => {
    const run = later({ signal: "go" }).signal("go");
    const { state } = run;
    run.send({ type: "signalled", id: "m1", name: "go", payload: 9, receivedAt: NOW });
    expect(run.state).toBe(state);
    expect(run.said).toEqual([]);
  });

  test("that came before the timeout wins against it; one that came after loses", () => {
    expect(
      one({ signal: "go", timeout: 1_000 })
        .signal("go", 1, NOW + 1_000)
        .node("w").outcome,
    ).toBe("received");
    const late = one({ signal: "go", timeout: 1_000 }, "skip").signal("go", 1, NOW + 1_001);
    expect(late.node("w").status).toBe("waiting");
    expect(late.fire("w").node("w").outcome).toBe("timeout");
  });
});

describe("an event", () => {
  const even: WaitFor = {
    event: "paid",
    match: ({ event }) => (event as { payload: number }).payload % 2 === 0,
  };

  test("wakes every wait that it matches", () => {
    const nodes: Record<string, NodeSpec> = {
      t: { kind: "trigger" },
      w1: { kind: "wait", for: { event: "paid" } },
      w2: { kind: "wait", for: even },
      w3: { kind: "wait", for: { event: "other" } },
    };
    const plan = planOf({
      nodes,
      edges: [
        ["t", "w1"],
        ["t", "w2"],
        ["t", "w3"],
      ],
    });
    expect(new TestRun(plan).event("paid", 2).statuses).toEqual({
      w1: "succeeded",
      w2: "succeeded",
      w3: "waiting",
    });
    expect(new TestRun(plan).event("paid", 3).statuses).toEqual({
      w1: "succeeded",
      w2: "waiting",
      w3: "waiting",
    });
  });

  test("is seen by `match` with name and payload, beside what the node may read", () => {
    const seen: unknown[] = [];
    const run = one({ event: "paid", match: (scope) => seen.push(scope) > 99 });
    run.event("paid", { id: 7 });
    expect(seen).toEqual([
      expect.objectContaining({
        event: { name: "paid", payload: { id: 7 } },
        input: { cents: 5 },
        run: { id: "run" },
      }),
    ]);
    expect(run.node("w").status).toBe("waiting");
  });

  test.each([
    {
      what: "fails",
      match: (): boolean => {
        throw new Error("no such key");
      },
    },
    { what: "is not a boolean", match: () => "true" },
    { what: "is false", match: () => false },
  ])("a `match` that $what is no match", ({ match }) => {
    const run = one({ event: "paid", match }).event("paid", 1);
    expect(run.node("w").status).toBe("waiting");
    expect(run.said).toEqual([]);
    expect(run.state.kept).toEqual([]);
  });

  test("that comes early is kept while a wait for it may still begin, and matched then", () => {
    const run = later(even).event("paid", 1).event("paid", 2).event("other", 2);
    expect(run.state.kept.map(({ id }) => id)).toEqual(["m1", "m2"]);
    run.run("a");
    expect(run.said).toEqual(["dropMessage m2", "record w 2 null", "renderOutput $output"]);
    expect(run.event("paid", 4).state.kept.map(({ id }) => id)).toEqual(["m1"]);
  });

  test("is kept for a wait that timed out and may be redriven", () => {
    const run = one({ event: "paid", timeout: 5 }).fire("w").event("paid", 1);
    expect(run.said).toEqual(["keepMessage m1"]);
    expect(run.redrive("w").node("w")).toMatchObject({ status: "succeeded", outcome: "received" });
  });

  test("is kept in limited numbers; signals are not limited by it", () => {
    const run = later({ event: "paid" }).signal("go");
    for (let n = 0; n < MAX_KEPT_EVENTS; n++) run.event("paid", n);
    expect(run.said).toEqual([`keepMessage m${MAX_KEPT_EVENTS + 1}`]);
    expect(run.event("paid", 0).said).toEqual([]);
    expect(run.signal("go").said).toEqual([`keepMessage m${MAX_KEPT_EVENTS + 3}`]);
    expect(run.state.kept).toHaveLength(MAX_KEPT_EVENTS + 2);
  });
});
