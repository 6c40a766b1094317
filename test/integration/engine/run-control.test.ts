/** Cancel, pause, resume, signals and events: what people and programs ask of runs from outside. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { defineWorkflow, type Engine, type RunHandle, type WorkflowDocument } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action, add, chain } from "./documents.ts";

/** `a` counts up, then the run waits for what the test says. */
function waiting(wait: object, name: string): WorkflowDocument {
  return {
    format: 1,
    name,
    nodes: {
      a: { kind: "action", action: "add", input: { n: "{{ input.n }}" } },
      w: { kind: "wait", ...wait } as never,
    },
    edges: [{ from: "a", to: "w" }],
    output: { outcome: "{{ nodes.w.status }}", got: "{{ nodes.w.output }}" },
  };
}
const approval = waiting({ for: { signal: "approved" } }, "approval");
const payment = waiting({ for: { event: "paid", match: "event.payload.order == input.n" } }, "payment");

onEachBackend("run control", (name) => {
  let backend: Backend;
  let engine: Engine;
  let gates: { entered: () => void; release: Promise<unknown> };
  const gated = action("gated", async ({ signal }) => {
    gates.entered();
    await Promise.race([gates.release, new Promise((_, reject) => signal.addEventListener("abort", reject))]);
    return "done";
  });

  beforeAll(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ actions: [add(), gated] });
    await engine.start();
  });
  afterAll(() => backend[Symbol.asyncDispose]());

  const start = (document: WorkflowDocument, n = 0, workspace?: string): Promise<RunHandle> =>
    engine.runs.start(defineWorkflow(document), { input: { n }, ...(workspace ? { workspace } : {}) });
  const isNow = (run: RunHandle, status: string): Promise<void> =>
    expect.poll(() => run.status(), { timeout: 10_000, interval: 10 }).toBe(status);

  describe("a signal", () => {
    test("wakes the wait, with its payload", async () => {
      const run = await start(approval);
      await isNow(run, "waiting");
      expect(await run.signal("approved", { by: "Ada" })).toEqual({ repeated: false });
      expect(await run.result({ timeout: "10s" })).toEqual({ outcome: "succeeded", got: { by: "Ada" } });
    });

    test("that comes before the wait is kept for it", async () => {
      const run = await start(approval);
      await engine.runs.signal(run.id, "approved", 1);
      expect(await run.result({ timeout: "10s" })).toMatchObject({ got: 1 });
    });

    test("with an id is one signal, however often it is sent, and from whom", async () => {
      const two = {
        ...approval,
        name: "two-approvals",
        nodes: { ...approval.nodes, again: { kind: "wait", for: { signal: "approved" } } as const },
        edges: [...approval.edges, { from: "w", to: "again" }],
      };
      const run = await start(two);
      const other = backend.engine({ actions: [] });
      await other.start({ work: false, maintain: false });
      const sent = await Promise.all(
        [engine, other, engine, other].map((from) => from.runs.signal(run.id, "approved", 1, { id: "one" })),
      );
      expect(sent.filter(({ repeated }) => !repeated)).toHaveLength(1);
      await expect
        .poll(async () => (await run.detail()).nodes.find(({ node }) => node === "again")?.status)
        .toBe("waiting");
      await run.signal("approved", 2, { id: "two" });
      await run.result({ timeout: "10s" });
    });

    test("to a run that is over is `run_finished`; to one that is not there `run_not_found`", async () => {
      const run = await start(chain(1));
      await run.result({ timeout: "10s" });
      await expect(run.signal("approved")).rejects.toMatchObject({
        code: "run_finished",
        received: "a run that is succeeded",
      });
      const missing = engine.runs.signal("00000000-0000-4000-8000-000000000000", "approved");
      await expect(missing).rejects.toMatchObject({ code: "run_not_found" });
    });
  });

  describe("an event", () => {
    test("reaches the runs of the workspace that wait for it and that it matches", async () => {
      const runs = await Promise.all([1, 2, 3].map((n) => start(payment, n)));
      const foreign = await start(payment, 2, "other");
      const deaf = await start(approval, 2);
      for (const run of [...runs, foreign, deaf]) await isNow(run, "waiting");
      expect(await engine.publish("paid", { order: 2 })).toMatchObject({ runs: 3 });
      expect(await runs[1]!.result({ timeout: "10s" })).toMatchObject({ got: { order: 2 } });
      for (const run of [runs[0]!, runs[2]!, foreign, deaf]) expect(await run.status()).toBe("waiting");
      expect(await engine.publish("paid", { order: 2 }, { workspace: "other" })).toMatchObject({ runs: 1 });
      await foreign.result({ timeout: "10s" });
      expect(await engine.publish("paid", { order: 1 })).toMatchObject({ runs: 2 });
      expect(await engine.publish("paid", { order: 3 })).toMatchObject({ runs: 1 });
      await Promise.all(runs.map((run) => run.result({ timeout: "10s" })));
      expect(await engine.publish("paid", { order: 3 })).toMatchObject({ runs: 0 });
      await deaf.cancel();
    });

    test("that comes before the wait is kept; the same id twice is one event", async () => {
      const twice: WorkflowDocument = {
        format: 1,
        name: "twice",
        nodes: {
          first: { kind: "wait", for: { event: "tick" } },
          second: { kind: "wait", for: { event: "tick" } },
        },
        edges: [{ from: "first", to: "second" }],
        output: "{{ [nodes.first.output, nodes.second.output] }}",
      };
      const run = await start(twice);
      expect(await engine.publish("tick", 1, { id: "t1" })).toMatchObject({ runs: 1 });
      expect(await engine.publish("tick", 1, { id: "t1" })).toMatchObject({ runs: 1, repeated: true });
      await expect(engine.publish("tick", 9, { id: "t1" })).rejects.toMatchObject({ code: "event_conflict" });
      expect(await engine.publish("tick", 2, { id: "t2" })).toMatchObject({ runs: 1 });
      expect(await run.result({ timeout: "10s" })).toEqual([1, 2]);
    });
  });

  describe("pause and resume", () => {
    test("nothing starts meanwhile; twice is once; messages are kept", async () => {
      const run = await start(approval);
      await isNow(run, "waiting");
      await run.pause();
      await run.pause();
      expect(await run.status()).toBe("paused");
      await run.signal("approved", 1);
      expect(await run.status()).toBe("paused");
      await run.resume();
      expect(await run.result({ timeout: "10s" })).toMatchObject({ got: 1 });
      await expect(run.pause()).rejects.toMatchObject({ code: "run_finished" });
      await expect(run.resume()).rejects.toMatchObject({ code: "run_finished" });
    });

    test("a resume without a pause is nothing", async () => {
      const run = await start(approval);
      await run.resume();
      await isNow(run, "waiting");
      await run.cancel();
    });
  });

  describe("a cancel", () => {
    beforeEach(() => {
      gates = { entered: () => {}, release: new Promise(() => {}) };
    });

    test("ends a run that waits, at once; twice is once", async () => {
      const run = await start(approval);
      await isNow(run, "waiting");
      await run.cancel();
      expect(await run.status()).toBe("cancelled");
      await expect(run.result()).rejects.toMatchObject({ code: "run_cancelled" });
      await run.cancel();
      await expect(run.signal("approved")).rejects.toMatchObject({ code: "run_finished" });
    });

    test("tells the action that runs, from another process too", async () => {
      const entered = new Promise<void>((resolve) => (gates.entered = resolve));
      const nodes = { g: { kind: "action", action: "gated" } } as const;
      const run = await start({ format: 1, name: "gate", nodes, edges: [] });
      await entered;
      const other = backend.engine({ actions: [] });
      await other.start({ work: false, maintain: false });
      await other.runs.cancel(run.id);
      await run.cancel();
      await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_cancelled" });
    }, 30_000);

    test("of a run that succeeded is `run_finished`", async () => {
      const run = await start(chain(1));
      await run.result({ timeout: "10s" });
      await expect(run.cancel()).rejects.toMatchObject({ code: "run_finished" });
    });
  });

  describe("bad input", () => {
    const calls: readonly (readonly [string, () => Promise<unknown>, string])[] = [
      ["cancel", () => engine.runs.cancel("no-uuid"), "run_not_found"],
      ["pause", () => engine.runs.pause("no-uuid"), "run_not_found"],
      ["resume", () => engine.runs.resume("", { workspace: "x" }), "run_not_found"],
      ["an option", () => engine.runs.cancel("x", { workspce: "x" } as never), "option_invalid"],
      ["a signal's name", () => engine.runs.signal("x", "no name"), "option_invalid"],
      ["a signal's id", () => engine.runs.signal("x", "go", null, { id: "" }), "option_invalid"],
      ["a signal's payload", () => engine.runs.signal("x", "go", 1n), "value_invalid"],
      ["an event's name", () => engine.publish(5 as never), "option_invalid"],
      ["an event's payload", () => engine.publish("go", new Date()), "value_invalid"],
      ["an event's option", () => engine.publish("go", 1, { ids: "x" } as never), "option_invalid"],
    ];
    test.each(calls)("%s", async (_name, call, code) => {
      await expect(call()).rejects.toMatchObject({ code });
    });

    test("a run of another workspace is not there", async () => {
      const run = await start(approval, 0, "theirs");
      for (const kind of ["cancel", "pause", "resume"] as const)
        await expect(engine.runs[kind](run.id)).rejects.toMatchObject({ code: "run_not_found" });
      await expect(engine.runs.signal(run.id, "approved")).rejects.toMatchObject({ code: "run_not_found" });
      await isNow(run, "waiting");
      await run.cancel();
    });
  });
});
