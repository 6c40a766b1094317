/** Maps: an action that runs once per item of a list. */
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Action,
  type ActionContext,
  type Engine,
  defineWorkflow,
  type Json,
  PermanentError,
  RetryableError,
  RunFailedError,
  type RunHandle,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

type Item = { readonly n: number; readonly index: number };

onEachBackend("maps", (name) => {
  let backend: Backend;
  let engine: Engine;

  beforeEach(async () => {
    backend = await openBackend(name);
  });

  afterEach(() => backend[Symbol.asyncDispose]());

  function mapping(node: object = {}, rest: Partial<WorkflowDocument> = {}): WorkflowDocument {
    return {
      format: 1,
      name: "mapping",
      nodes: {
        each: {
          kind: "action",
          action: "each",
          forEach: "input.list",
          input: { n: "{{ item }}", index: "{{ index }}" },
          ...node,
        },
      },
      edges: [],
      output: "{{ nodes.each.output }}",
      ...rest,
    };
  }

  async function begin(
    run: (context: ActionContext<Json> & { readonly input: Item }) => Json | Promise<Json>,
    extra: Partial<Action> = {},
  ): Promise<void> {
    engine = backend.engine({ actions: [action("each", run as never, extra)] });
    await engine.start();
  }

  const start = (list: Json, document = mapping()): Promise<RunHandle> =>
    engine.runs.start(defineWorkflow(document), { input: { list } });

  const result = (run: RunHandle): Promise<Json> => run.result({ timeout: "30s" }) as Promise<Json>;

  async function failureOf(run: RunHandle): Promise<RunFailedError> {
    const error = await run.result({ timeout: "30s" }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RunFailedError);
    return error as RunFailedError;
  }

  const numbers = (length: number): number[] => Array.from({ length }, (_, index) => index);

  test("every item runs once, with a key of its own, and the outputs come in order", async () => {
    const keys = new Set<string>();
    await begin(({ input: { n, index }, idempotencyKey, node }) => {
      expect(node).toEqual({ id: "each", item: index });
      keys.add(idempotencyKey);
      return n * 2;
    });
    const run = await start(numbers(300));
    expect(await result(run)).toEqual(numbers(300).map((n) => n * 2));
    expect(keys.size).toBe(300);
    expect(await run.status()).toBe("succeeded");
  }, 60_000);

  test("no more items run at once than may", async () => {
    let running = 0;
    let most = 0;
    const held: (() => void)[] = [];
    await begin(async ({ input }) => {
      most = Math.max(most, ++running);
      if (held.length < 4) {
        const { promise, resolve } = Promise.withResolvers<void>();
        held.push(resolve);
        if (held.length === 4) for (const release of held) release();
        await promise;
      }
      running--;
      return input.n;
    });
    expect(await result(await start(numbers(40), mapping({ concurrency: 4 })))).toEqual(numbers(40));
    expect(most).toBe(4);
  }, 60_000);

  test("an empty list is a success without items", async () => {
    await begin(() => {
      throw new Error("there is no item");
    });
    expect(await result(await start([]))).toEqual([]);
  }, 60_000);

  test.each([[{ a: 1 }], ["text"], [null]])(
    "what is no list fails the node: %j",
    async (list) => {
      await begin(() => null);
      const { failures } = await failureOf(await start(list));
      expect(failures).toMatchObject([{ node: "each", error: { class: "expression" } }]);
    },
    60_000,
  );

  test("items are tried again, each by its own ladder", async () => {
    const tries = new Map<number, number>();
    await begin(({ input: { n }, attempt }) => {
      tries.set(n, (tries.get(n) ?? 0) + 1);
      expect(attempt).toBe(tries.get(n));
      if (attempt <= n) throw new RetryableError("not yet");
      return attempt;
    });
    const run = await start(numbers(4), mapping({ retry: { immediate: 2, backoff: ["50ms"] } }));
    expect(await result(run)).toEqual([1, 2, 3, 4]);
    const { attempts } = await run.detail();
    expect(attempts.map(({ item, attempt }) => `${item} ${attempt}`).sort()).toEqual([
      "1 1",
      "2 1",
      "2 2",
      "3 1",
      "3 2",
      "3 3",
    ]);
  }, 60_000);

  test("all items run to their ends, and those that failed are dead letters, mended one by one", async () => {
    let isMended = false;
    const ran: number[] = [];
    await begin(({ input: { n } }) => {
      ran.push(n);
      if (n % 3 === 0 && !isMended) throw new PermanentError(`no ${n}`);
      return n;
    });
    const run = await start(numbers(10));
    const { failures } = await failureOf(run);
    expect(failures).toMatchObject([{ node: "each", error: { class: "items_failed" } }]);
    expect(ran.toSorted((a, b) => a - b)).toEqual(numbers(10));
    const letters = (await engine.deadLetters.list({ runId: run.id })).items;
    expect(
      letters.map(({ node, item }) => [node, item]).toSorted((a, b) => Number(a[1]) - Number(b[1])),
    ).toEqual([0, 3, 6, 9].map((item) => ["each", item]));
    const letterOf = (item: number): string => letters.find((letter) => letter.item === item)!.id;
    isMended = true;
    await engine.deadLetters.complete(letterOf(3), { output: "by hand" });
    await engine.deadLetters.discard(letterOf(6));
    await engine.deadLetters.redrive(letterOf(0), { input: { n: 100, index: 0 } });
    const { done } = await engine.deadLetters.redrive({ runId: run.id });
    expect(done).toBe(1);
    expect(await result(run)).toEqual([100, 1, 2, "by hand", 4, 5, null, 7, 8, 9]);
    expect(ran).toHaveLength(12);
  }, 60_000);

  test("its items are shown page by page, with what became of them", async () => {
    await begin(({ input: { n } }) => {
      if (n === 2) throw new PermanentError("no 2");
      return n * 10;
    });
    const run = await start(numbers(5));
    await failureOf(run);
    const page = await engine.runs.items(run.id, "each", { limit: 3 });
    expect(page.progress).toEqual({
      total: 5,
      begun: 5,
      running: 0,
      waiting: 0,
      done: 4,
      failed: 0,
      open: 1,
    });
    expect(page.items).toMatchObject([
      { item: 0, status: "succeeded", attempt: 1, input: { n: 0, index: 0 }, output: 0, error: null },
      { item: 1, status: "succeeded", output: 10, failure: null },
      { item: 2, status: "failed", output: undefined, failure: "open", error: { message: "no 2" } },
    ]);
    for (const { startedAt, finishedAt } of page.items) expect(finishedAt).toBeGreaterThanOrEqual(startedAt!);
    const rest = await engine.runs.items(run.id, "each", { limit: 3, cursor: page.cursor! });
    expect([rest.items.map(({ item }) => item), rest.cursor]).toEqual([[3, 4], null]);
    const failed = await engine.runs.items(run.id, "each", { status: ["failed"] });
    expect(failed.items.map(({ item }) => item)).toEqual([2]);

    const refused = async (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => "an answer",
        (error: unknown) => (error as { code?: string }).code,
      );
    expect(await refused(engine.runs.items(run.id, "eahc"))).toBe("option_invalid");
    expect(await refused(engine.runs.items(run.id, "each", { workspace: "other" }))).toBe("run_not_found");
    expect(await refused(engine.runs.items(run.id, "eahc", { workspace: "other" }))).toBe("run_not_found");
    expect(await refused(engine.runs.items("no id", "each"))).toBe("run_not_found");
    for (const options of [{ limit: 0 }, { cursor: "x" }, { status: ["queued"] }, { staus: [] }])
      expect(await refused(engine.runs.items(run.id, "each", options as never))).toBe("option_invalid");
    const later = await engine.runs.start(defineWorkflow(mapping()), {
      input: { list: [] },
      at: new Date(4e12),
    });
    expect(await engine.runs.items(later.id, "each")).toEqual({ items: [], cursor: null, progress: null });
  }, 60_000);

  test("`collect` tells of each item how it ended", async () => {
    await begin(({ input: { n } }) => {
      if (n === 1) throw new PermanentError("not one");
      return { n };
    });
    const run = await start([0, 1], mapping({ onItemError: "collect" }));
    expect(await result(run)).toEqual([
      { ok: true, value: { n: 0 } },
      { ok: false, error: { class: "PermanentError", message: "not one" } },
    ]);
    expect((await engine.deadLetters.list({ runId: run.id })).items).toEqual([]);
  }, 60_000);

  test("an edge takes the failure, with the items that failed", async () => {
    await begin(({ input }) => {
      const { n } = input;
      if ("error" in input) return { error: input.error as Json };
      if (n >= 1) throw new PermanentError(`no ${n}`);
      return n;
    });
    const { nodes } = mapping();
    const run = await start(numbers(3), {
      ...mapping(),
      nodes: {
        ...nodes,
        mend: { kind: "action", action: "each", input: { n: 0, error: "{{ nodes.each.error }}" } },
      },
      edges: [{ from: "each", to: "mend", on: "error" }],
      output: "{{ nodes.mend.output }}",
    });
    expect(await result(run)).toEqual({
      error: {
        class: "items_failed",
        message: "2 of 3 items failed.",
        items: [1, 2].map((item) => ({ item, class: "PermanentError", message: `no ${item}` })),
      },
    });
    expect((await engine.deadLetters.list({ runId: run.id })).items).toEqual([]);
  }, 60_000);

  test("conditions, inputs and other maps read what a map gave", async () => {
    await begin(({ input: { n } }) => (typeof n === "number" ? n + 1 : n));
    const { each } = mapping().nodes;
    const run = await start(numbers(5), {
      ...mapping(),
      nodes: {
        each: each!,
        size: { kind: "condition", cases: [{ outcome: "many", if: "size(nodes.each.output) > 3" }] },
        again: {
          kind: "action",
          action: "each",
          forEach: "nodes.each.output",
          input: { n: "{{ item + nodes.each.output[0] }}", index: "{{ index }}" },
        },
      },
      edges: [
        { from: "each", to: "size" },
        { from: "size", to: "again", on: "many" },
      ],
      output: "{{ nodes.again.output }}",
    });
    expect(await result(run)).toEqual([3, 4, 5, 6, 7]);
  }, 60_000);

  test("a pause lets running items end and begins no others; the rest follows", async () => {
    const first = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    let ran = 0;
    await begin(async ({ input }) => {
      if (++ran === 2) first.resolve();
      if (ran <= 2) await gate.promise;
      return input.n;
    });
    const run = await start(numbers(6), mapping({ concurrency: 2 }));
    await first.promise;
    await run.pause();
    gate.resolve();
    await expect
      .poll(() => counts(run.id), { timeout: 20_000 })
      .toMatchObject({ running: 0, done: 2, next: 2 });
    expect(await run.status()).toBe("paused");
    expect(ran).toBe(2);
    await run.resume();
    expect(await result(run)).toEqual(numbers(6));
    expect(ran).toBe(6);
  }, 60_000);

  test("a cancel stops running items, begins no others, and ends the run", async () => {
    const first = Promise.withResolvers<void>();
    let ran = 0;
    await begin(async ({ signal }) => {
      if (++ran === 2) first.resolve();
      await new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new PermanentError("stopped")));
      });
      return null;
    });
    const run = await start(numbers(50), mapping({ concurrency: 2 }));
    await first.promise;
    await run.cancel();
    await expect.poll(() => run.status(), { timeout: 20_000 }).toBe("cancelled");
    expect(ran).toBe(2);
    expect((await run.detail()).nodes.find(({ node }) => node === "each")).toMatchObject({
      status: "cancelled",
    });
    expect(await counts(run.id)).toMatchObject({ running: 0, live: false });
    expect((await engine.deadLetters.list({ runId: run.id })).items).toEqual([]);
  }, 60_000);

  test("a process that runs nothing can cancel a map that others run", async () => {
    const first = Promise.withResolvers<void>();
    await begin(async ({ signal }) => {
      first.resolve();
      await new Promise((resolve) => {
        signal.addEventListener("abort", resolve);
      });
      return "stopped in time";
    });
    const client = backend.engine();
    await client.start({ work: false, maintain: false });
    const run = await client.runs.start(defineWorkflow(mapping({ concurrency: 3 })), {
      input: { list: numbers(9) },
    });
    await first.promise;
    await run.cancel();
    await expect.poll(() => run.status(), { timeout: 30_000 }).toBe("cancelled");
    expect(await counts(run.id)).toMatchObject({ running: 0, live: false, done: 3, next: 3 });
  }, 60_000);

  test("what reads a list that is too large for a value fails, and nothing else does", async () => {
    await begin(() => "x".repeat(30_000));
    const run = await start(numbers(50));
    const { failures } = await failureOf(run);
    expect(failures).toMatchObject([{ node: "$output", error: { class: "invalid_value" } }]);
    const each = (await run.detail()).nodes.find(({ node }) => node === "each");
    expect(each).toMatchObject({ status: "succeeded" });
    const silent = await start(numbers(50), mapping({}, { output: "done" }));
    expect(await result(silent)).toBe("done");
  }, 60_000);

  test("an action that is transactional does not run per item", async () => {
    await begin(() => null, { effect: "transactional" });
    const { failures } = await failureOf(await start(numbers(2)));
    expect(failures).toMatchObject([{ node: "each", error: { class: "expression" } }]);
    expect(failures[0]!.error.message).toContain("transactional");
  }, 60_000);

  test("who died before the map's end was told is made up for", async () => {
    await begin(({ input }) => input.n);
    const run = await start(numbers(3), mapping({ concurrency: 1 }));
    expect(await result(run)).toEqual(numbers(3));
    // As if the process had ended after the last item, and before its message.
    await backend.database.query("update flowforge.maps set live = true where run_id = $1", [run.id]);
    await backend.database.query("delete from flowforge.run_inbox where run_id = $1", [run.id]);
    await backend.database.query(
      "update flowforge.node_runs set status = 'running', waiting_for = 'map', worker = null, outcome = null where run_id = $1 and item = -1",
      [run.id],
    );
    await backend.database.query(
      "update flowforge.runs set status = 'running', finished_at = null, output = null, seq = seq + 1 where id = $1",
      [run.id],
    );
    await expect.poll(() => run.status(), { timeout: 30_000 }).toBe("succeeded");
    expect(await counts(run.id)).toMatchObject({ live: false });
  }, 60_000);

  async function counts(runId: string): Promise<object> {
    const [row] = await backend.database.query<object>("select * from flowforge.maps where run_id = $1", [
      runId,
    ]);
    return row!;
  }
});
