/** Deadlines of nodes and of runs: every attempt, every pause and every restart counts, and so does the time that nobody takes a node. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Action,
  defineAction,
  defineWorkflow,
  type Engine,
  type JsonObject,
  NotYet,
  PermanentError,
  RetryableError,
  RunFailedError,
  type RunHandle,
} from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";

const HOUR = 3_600_000;

onEachBackend("deadlines", (name) => {
  let backend: Backend;

  beforeEach(async () => {
    backend = await openBackend(name);
  });

  afterEach(() => backend[Symbol.asyncDispose]());

  const workflow = (node: JsonObject, more: JsonObject = {}) =>
    defineWorkflow({
      format: 1,
      name: "bounded",
      nodes: { try: { kind: "action", action: "try", ...node } },
      edges: [],
      ...more,
    });

  const trying = (run: Action["run"]): Action => defineAction({ name: "try", effect: "readonly", run });

  async function start(of: ReturnType<typeof workflow>, action: Action): Promise<RunHandle> {
    const engine = backend.engine({ actions: [action] });
    await engine.start();
    return engine.runs.start(of);
  }

  async function failureOf(run: Pick<RunHandle, "result">): Promise<object> {
    const error = await run.result({ timeout: "20s" }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RunFailedError);
    const { failures } = error as RunFailedError;
    expect(failures).toHaveLength(1);
    return failures[0]!.error;
  }

  /** Ends with the reason of its signal. */
  const endless: Action["run"] = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));

  test("a pause that goes beyond it is not begun", async () => {
    const run = await start(
      workflow({ deadline: "30s", retry: { immediate: 1, backoff: ["1m"] } }),
      trying(() => {
        throw new RetryableError("busy");
      }),
    );
    expect(await failureOf(run)).toMatchObject({ class: "deadline_exceeded", cause: "RetryableError" });
    const { attempts } = await run.detail();
    expect(attempts.map(({ attempt, error }) => [attempt, error.class])).toEqual([
      [1, "RetryableError"],
      [2, "RetryableError"],
    ]);
  });

  test("an attempt that is under way is told to stop", async () => {
    const run = await start(workflow({ deadline: 700, timeout: "1h" }), trying(endless));
    expect(await failureOf(run)).toMatchObject({ class: "deadline_exceeded", cause: "timeout" });
  });

  test("a node that nobody takes ends too", async () => {
    const run = await start(
      workflow({ deadline: 500, lane: "nobody" }),
      trying(() => null),
    );
    expect(await failureOf(run)).toMatchObject({ class: "deadline_exceeded" });
    expect((await run.detail()).attempts).toEqual([]);
  });

  test("the timeout of a workflow is that of its nodes", async () => {
    const run = await start(
      workflow({ retry: { immediate: 0, backoff: [] } }, { timeout: 300 }),
      trying(endless),
    );
    expect(await failureOf(run)).toMatchObject({
      class: "timeout",
      message: 'Action "try" did not end within 300 ms.',
    });
  });

  test("it bounds polling, and survives restarts", async () => {
    const looked: number[] = [];
    const poll = (): Action =>
      trying(({ attempt }) => {
        looked.push(attempt);
        throw new NotYet({ after: "1h" });
      });
    const first = backend.engine({ actions: [poll()] });
    await first.start();
    const { id } = await first.runs.start(workflow({ deadline: "90m" }));
    await expect
      .poll(async () => (await first.runs.get(id))?.header.status, { timeout: 20_000 })
      .toBe("waiting");
    await first.stop();
    expect(looked).toEqual([1]);
    await shiftClock(backend.database, HOUR);
    const second = backend.engine({ actions: [poll()] });
    await second.start();
    await expect
      .poll(async () => (await second.runs.get(id))?.header.status, { timeout: 20_000 })
      .toBe("failed");
    expect(looked).toEqual([1, 1]);
    const [letter] = (await second.deadLetters.list()).items;
    expect(letter).toMatchObject({ node: "try", error: { class: "deadline_exceeded", cause: "NotYet" } });

    // Another deadline begins with the redrive.
    await second.deadLetters.redrive(letter!.id);
    await expect.poll(() => looked.length, { timeout: 20_000 }).toBe(3);
    await expect
      .poll(async () => (await second.runs.get(id))?.header.status, { timeout: 20_000 })
      .toBe("waiting");
  });

  const patient = (more: JsonObject) =>
    defineWorkflow({
      format: 1,
      name: "patient",
      nodes: {
        before: { kind: "action", action: "book", compensate: { action: "cancel" } },
        try: { kind: "action", action: "try" },
        approval: { kind: "wait", for: { signal: "approved" } },
      },
      edges: [{ from: "before", to: "try" }],
      output: { ok: true },
      ...more,
    });

  const undone: string[] = [];
  const around = [
    defineAction({ name: "book", run: () => "booked" }),
    defineAction({ name: "cancel", run: ({ run }) => void undone.push(run.id) }),
  ];

  test("of a run: what runs is told to stop, what waits is cancelled, and the run has failed", async () => {
    const engine = backend.engine({ actions: [trying(endless), ...around] });
    await engine.start();
    const run = await engine.runs.start(patient({ deadline: 1_500 }));
    expect(await failureOf(run)).toMatchObject({ class: "deadline_exceeded" });
    const { header, nodes } = await run.detail();
    expect(header).toMatchObject({ status: "failed", cancelled: true, deadLetters: 1 });
    expect(Object.fromEntries(nodes.map(({ node, status }) => [node, status]))).toEqual({
      before: "succeeded",
      try: "cancelled",
      approval: "cancelled",
      $output: "failed",
    });
    const [letter] = (await engine.deadLetters.list({ runId: run.id })).items;
    await expect(engine.deadLetters.redrive(letter!.id)).rejects.toMatchObject({
      code: "dead_letter_refused",
    });
    await engine.deadLetters.discard(letter!.id);
    expect(await run.status()).toBe("failed");
  });

  test("of a run that is undone on a failure: what succeeded is undone", async () => {
    const engine = backend.engine({ actions: [trying(() => null), ...around] });
    await engine.start();
    const run = await engine.runs.start(patient({ onFailure: "compensate" }), { deadline: "1s" });
    expect(await failureOf(run)).toMatchObject({ class: "deadline_exceeded" });
    expect(undone).toContain(run.id);
    expect((await run.detail()).header).toMatchObject({ status: "failed", compensate: true });
  });

  test("of a run that sleeps: it passes though every process was restarted, and not before its time", async () => {
    const first = backend.engine({ actions: [trying(() => null), ...around] });
    await first.start();
    const { id } = await first.runs.start(patient({ deadline: "1d" }), { deadline: "2h" });
    await expect
      .poll(async () => (await first.runs.get(id))?.header.status, { timeout: 20_000 })
      .toBe("waiting");
    await first.stop();
    await shiftClock(backend.database, 2 * HOUR - 60_000);
    const second = backend.engine({ actions: [trying(() => null), ...around] });
    await second.start();
    await expect(second.runs.handle(id).result({ timeout: 1_500 })).rejects.toMatchObject({
      code: "run_timeout",
    });
    await shiftClock(backend.database, 2 * HOUR);
    expect(await failureOf(second.runs.handle(id))).toMatchObject({ class: "deadline_exceeded" });
  });

  test("a run that ends in time has none any more", async () => {
    const engine = backend.engine({ actions: [trying(() => 7), ...around] });
    await engine.start();
    const run = await engine.runs.start(patient({}), { deadline: "1h" });
    await run.signal("approved");
    expect(await run.result({ timeout: "20s" })).toEqual({ ok: true });
    const { nodes } = await run.detail();
    expect(nodes.filter(({ deadlineAt }) => deadlineAt !== null)).toEqual([]);
    expect(nodes.find(({ node }) => node === "$output")).toMatchObject({ status: "succeeded" });
    await expect(engine.runs.start(patient({}), { deadline: "soon" })).rejects.toMatchObject({
      code: "duration_invalid",
    });
  });

  describe("of maps", () => {
    let isMended: boolean;
    let ran: number[];

    beforeEach(() => {
      isMended = false;
      ran = [];
    });

    /** Item 0 ends at once, the others when somebody has mended them. */
    const item: Action["run"] = (context) => {
      const { n } = context.input as { n: number };
      ran.push(n);
      return isMended || n === 0 ? n : endless(context);
    };
    const mapping = { forEach: "[0, 1, 2, 3]", input: { n: "{{ item }}" }, concurrency: 2, deadline: "1s" };
    const settings = { timeout: "1h", retry: { immediate: 2, backoff: ["1h"] } };

    async function begin(node: JsonObject, more: JsonObject = {}, run = item): Promise<[Engine, RunHandle]> {
      const engine = backend.engine({ actions: [trying(run)] });
      await engine.start();
      return [engine, await engine.runs.start(workflow({ ...mapping, ...settings, ...node }, more))];
    }

    test("the map fails as a whole, and a redrive goes on with what was left", async () => {
      const [engine, run] = await begin({}, { output: "{{ nodes.try.output }}" });
      expect(await failureOf(run)).toMatchObject({ class: "deadline_exceeded" });
      // One had the place of item 0.
      expect(ran).toEqual([0, 1, 2]);
      isMended = true;
      const { items } = await engine.deadLetters.list({ runId: run.id });
      expect(items).toMatchObject([{ node: "try", item: -1 }]);
      await engine.deadLetters.redrive(items[0]!.id);
      expect(await run.result({ timeout: "20s" })).toEqual([0, 1, 2, 3]);
      expect(ran.toSorted((a, b) => a - b)).toEqual([0, 1, 1, 2, 2, 3]);
    });

    test("an `error` edge takes it", async () => {
      const nodes = {
        try: { kind: "action", action: "try", ...mapping, ...settings },
        late: { kind: "action", action: "try", input: { n: 0 } },
      };
      const edges = [{ from: "try", to: "late", on: "error" }];
      const [, run] = await begin({}, { nodes, edges, output: "{{ nodes.try.error.class }}" });
      expect(await run.result({ timeout: "20s" })).toBe("deadline_exceeded");
    });

    test("in time, it changes nothing", async () => {
      isMended = true;
      const [, run] = await begin({ deadline: "20s" }, { output: "{{ nodes.try.output }}" });
      expect(await run.result({ timeout: "20s" })).toEqual([0, 1, 2, 3]);
    });

    test("dead letters of items come first, and a redrive of one takes up the rest", async () => {
      const [engine, run] = await begin({}, { output: "{{ nodes.try.output }}" }, (context) => {
        const { n } = context.input as { n: number };
        if (n === 0 && !isMended) throw new PermanentError("broken");
        return item(context);
      });
      expect(await failureOf(run)).toMatchObject({ class: "items_failed" });
      const { items } = await engine.deadLetters.list({ runId: run.id });
      expect(items).toMatchObject([{ node: "try", item: 0 }]);
      isMended = true;
      await engine.deadLetters.redrive(items[0]!.id);
      expect(await run.result({ timeout: "20s" })).toEqual([0, 1, 2, 3]);
    });

    test("once its dead letters are completed, it is one itself", async () => {
      const [engine, run] = await begin({}, { output: "{{ nodes.try.output }}" }, (context) => {
        const { n } = context.input as { n: number };
        if (n === 0) throw new PermanentError("broken");
        return item(context);
      });
      expect(await failureOf(run)).toMatchObject({ class: "items_failed" });
      const letter = async (): Promise<string> =>
        (await engine.deadLetters.list({ runId: run.id })).items[0]!.id;
      await engine.deadLetters.complete(await letter(), { output: "by hand" });
      await expect
        .poll(async () => (await engine.deadLetters.list({ runId: run.id })).items, { timeout: 20_000 })
        .toMatchObject([{ item: -1, error: { class: "deadline_exceeded" } }]);
      isMended = true;
      await engine.deadLetters.redrive(await letter());
      expect(await run.result({ timeout: "20s" })).toEqual(["by hand", 1, 2, 3]);
    });
  });
});
