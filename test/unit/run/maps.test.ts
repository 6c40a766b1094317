/** Nodes that run once per item of a list: how they begin, and what the end of their items means. */
import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../../src/core/run/event.ts";
import { isMapped } from "../../../src/core/run/maps.ts";
import { type EdgeSpec, type NodeSpec, planOf } from "../../support/run/plans.ts";
import { NOW, TestRun } from "../../support/run/runs.ts";

const ERROR = { class: "items_failed", message: "1 of 3 items failed." };

class MapRun extends TestRun {
  constructor(
    map: "fail" | "collect" = "fail",
    more: { nodes?: Record<string, NodeSpec>; edges?: EdgeSpec[]; deadline?: number } = {},
  ) {
    const nodes: Record<string, NodeSpec> = {
      t: { kind: "trigger" },
      m: { kind: "action", map, ...(more.deadline === undefined ? {} : { deadline: more.deadline }) },
      ...more.nodes,
    };
    super(planOf({ nodes, edges: [["t", "m"], ...(more.edges ?? [])] }));
  }

  /** The items are stored, and may run. */
  open(): this {
    return this.claim("m").send({ type: "mapStarted", node: this.index("m"), fence: this.node("m").fence });
  }

  end(changes: Partial<Extract<RunEvent, { type: "mapEnded" }>> = {}): this {
    const node = this.index("m");
    const counts = { open: 0, failed: 0, unfinished: 0 };
    const { fence } = this.node("m");
    return this.send({ type: "mapEnded", node, fence, ...counts, error: ERROR, output: [1], ...changes });
  }

  item(type: "redriven" | "completed" | "discarded"): this {
    const target = { node: this.index("m"), item: 2 };
    if (type === "redriven") return this.send({ type, newKey: false, ...target });
    return this.send(type === "completed" ? { type, output: 1, ...target } : { type, ...target });
  }
}

const mended = { status: "running", waitingFor: "map", failure: null, outcome: null, worker: null } as const;

describe("a map", () => {
  test("waits for its items without a worker, and under another fence", () => {
    const run = new MapRun().open();
    expect(run.node("m")).toMatchObject({ ...mended, fence: 2, attempt: 1 });
    expect(run.said).toEqual(["openMap m"]);
    expect(run.state.status).toBe("running");
    run.end();
    expect(run.node("m")).toMatchObject({ status: "succeeded", outcome: "success", waitingFor: null });
    expect(run.said).toEqual(["renderOutput $output"]);
  });

  test("of an action without a list, one that is claimed by nobody, or of another fence does not begin", () => {
    const run = new MapRun("fail", { nodes: { a: { kind: "action" } }, edges: [["t", "a"]] }).claim("a");
    const { state } = run;
    run.send({ type: "mapStarted", node: run.index("a"), fence: 1 });
    run.send({ type: "mapStarted", node: run.index("m"), fence: 0 });
    run.end();
    expect(run.state).toBe(state);
    run.claim("m").send({ type: "mapStarted", node: run.index("m"), fence: 2 });
    expect(isMapped(run.node("m"))).toBe(false);
    run.send({ type: "mapStarted", node: run.index("m"), fence: 1 });
    run.send({ type: "mapStarted", node: run.index("m"), fence: 2 });
    expect(run.node("m").fence).toBe(2);
  });

  test("takes no answer as an action would", () => {
    const run = new MapRun().open();
    const { state } = run;
    run.succeed("m").fail("m").end({ fence: 1 });
    run.send({ type: "timerFired", node: run.index("m"), fence: 2 });
    expect(run.state).toBe(state);
  });

  test("fails with items that are dead letters, and goes on when they are resolved", () => {
    const run = new MapRun().open().end({ open: 2 });
    expect(run.node("m")).toMatchObject({ status: "failed", failure: "items", outcome: null, fence: 2 });
    expect(run.said).toEqual(["record m null items_failed", "finish failed"]);
    expect(run.state.counts.deadLetters).toBe(1);
    // The node itself is no dead letter.
    const { state } = run;
    run.redrive("m").complete("m").discard("m");
    expect(run.state).toBe(state);
    for (const [type, fence] of [
      ["discarded", 3],
      ["redriven", 4],
      ["completed", 5],
    ] as const) {
      run.item(type);
      expect(run.node("m")).toMatchObject({ ...mended, fence });
      expect(run.said).toEqual(["openMap m"]);
    }
    expect(run.state).toMatchObject({ status: "running", counts: { deadLetters: 0 } });
    run.end();
    expect(run.node("m").status).toBe("succeeded");
    const { state: ended } = run;
    run.item("redriven");
    expect(run.state).toBe(ended);
  });

  test("takes its error edge where no item is a dead letter, and succeeds where failures are collected", () => {
    const more = { nodes: { e: { kind: "action" } as const }, edges: [["m", "e", "error"]] as EdgeSpec[] };
    const run = new MapRun("fail", more).open().end({ failed: 1 });
    expect(run.node("m")).toMatchObject({ status: "failed", failure: "handled", outcome: "error" });
    expect(run.said).toContain("dispatch e");
    expect(new MapRun("collect").open().end({ failed: 1 }).node("m").status).toBe("succeeded");
    expect(new MapRun("collect").open().end({ failed: 1, open: 1 }).node("m").failure).toBe("items");
  });

  test("that is cancelled is told so, and ends with what its items came to", () => {
    for (const [counts, status] of [
      [{ unfinished: 1 }, "cancelled"],
      [{ failed: 1 }, "cancelled"],
      [{}, "succeeded"],
      [{ open: 1, unfinished: 1 }, "failed"],
    ] as const) {
      const run = new MapRun().open().send({ type: "cancelled", compensate: false });
      expect(run.said).toEqual(["abort m"]);
      expect(run.state.status).toBe("cancelling");
      run.end(counts);
      expect(run.node("m").status).toBe(status);
      expect(run.state.status).toBe("cancelled");
    }
  });

  test("of a cancelled run runs no item again, but may be completed", () => {
    const run = new MapRun().open().send({ type: "cancelled", compensate: false }).end({ open: 1 });
    const { state } = run;
    run.item("redriven");
    expect(run.state).toBe(state);
    run.item("completed");
    expect(run.state.status).toBe("cancelling");
    run.end();
    expect(run.state.status).toBe("cancelled");
  });

  test("is looked at when the run is resumed", () => {
    const run = new MapRun().open().send({ type: "paused" });
    expect(run.node("m")).toMatchObject(mended);
    expect(run.state.status).toBe("paused");
    run.send({ type: "resumed" });
    expect(run.said).toEqual(["openMap m"]);
  });
});

describe("a map whose deadline passes", () => {
  const DEADLINE = 60_000;

  function overdue(map: "fail" | "collect" = "fail"): MapRun {
    const run = new MapRun(map, { deadline: DEADLINE }).open();
    expect(run.node("m").deadlineAt).toBe(NOW + DEADLINE);
    run.now = NOW + DEADLINE;
    run.fire("m");
    return run;
  }

  test("is closed under a new fence, and fails once nothing of it runs", () => {
    const run = overdue();
    expect(run.said).toEqual(["openMap m"]);
    expect(run.node("m")).toMatchObject({
      status: "running",
      outcome: "deadline",
      fence: 3,
      deadlineAt: null,
    });
    run.end({ unfinished: 1 });
    expect(run.node("m")).toMatchObject({ status: "failed", failure: "open", outcome: null });
    expect(run.said).toEqual([
      "record m null deadline_exceeded",
      "deadLetter m deadline_exceeded",
      "finish failed",
    ]);
  });

  test("ends as ever where everything has ended", () => {
    expect(overdue().end().node("m")).toMatchObject({ status: "succeeded", outcome: "success" });
    expect(overdue("collect").end({ failed: 1 }).node("m").status).toBe("succeeded");
  });

  test("does nothing before that, and while the run is paused", () => {
    const run = new MapRun("fail", { deadline: DEADLINE }).open();
    const { state } = run;
    expect(run.fire("m").state).toBe(state);
    run.pause();
    run.now = NOW + DEADLINE;
    expect(run.fire("m").node("m").outcome).toBe(null);
  });

  test("has its time anew when it is redriven", () => {
    const run = overdue().end({ unfinished: 1 });
    run.send({ type: "redriven", node: run.index("m"), newKey: false });
    expect(run.node("m")).toMatchObject({ status: "ready", deadlineAt: NOW + 2 * DEADLINE });
    expect(run.open().node("m")).toMatchObject({ ...mended, deadlineAt: NOW + 2 * DEADLINE });
  });

  test("waits for what becomes of its dead letters: a redrive of one takes up the rest", () => {
    const run = overdue().end({ open: 2, unfinished: 1 });
    expect(run.node("m")).toMatchObject({ failure: "items", outcome: "deadline" });
    run.item("completed");
    expect(run.node("m")).toMatchObject({ status: "running", outcome: "deadline", deadlineAt: null });
    run.end({ open: 1, unfinished: 1 }).item("redriven");
    expect(run.node("m")).toMatchObject({ ...mended, deadlineAt: NOW + 2 * DEADLINE });
  });

  test("is a dead letter itself once all of those of its items are given up", () => {
    const run = overdue().end({ open: 1, unfinished: 1 }).item("discarded");
    expect(run.end({ unfinished: 1 }).node("m")).toMatchObject({ failure: "open", outcome: null });
  });

  test("of a run that is cancelled is cancelled", () => {
    const run = overdue().send({ type: "cancelled", compensate: false }).end({ unfinished: 1 });
    expect(run.node("m")).toMatchObject({ status: "cancelled", outcome: null });
  });
});
