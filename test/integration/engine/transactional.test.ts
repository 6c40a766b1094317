/** Transactional actions: what they write and their result are one commit, or nothing of them has happened. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Action,
  type ActionContext,
  defineAction,
  defineWorkflow,
  type Engine,
  type Json,
  type JsonObject,
  PermanentError,
  type RunHandle,
} from "../../../src/index.ts";
import { losingProxy } from "../../support/losing-proxy.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";

/** Short, so that what depends on it does not take long. */
const LEASE_MS = 1_500;

onEachBackend("transactional actions", (name) => {
  let backend: Backend;
  let ran: number;

  beforeEach(async () => {
    backend = await openBackend(name);
    await backend.database.query(
      "create table booked (key text, what text, constraint once unique (what) deferrable initially deferred)",
    );
    ran = 0;
  });

  afterEach(() => backend[Symbol.asyncDispose]());

  const booking = (run: (context: ActionContext<Json>) => Promise<unknown>): Action =>
    defineAction({
      name: "book",
      effect: "transactional",
      run: async (context) => {
        ran += 1;
        return run(context);
      },
    });

  const insert = ({ tx, idempotencyKey }: ActionContext<Json>, what = "a") =>
    tx.query<{ what: string }>("insert into booked values ($1, $2) returning what", [idempotencyKey, what]);

  const workflow = (more: JsonObject = {}) =>
    defineWorkflow({
      format: 1,
      name: "booking",
      nodes: { book: { kind: "action", action: "book", input: "{{ input }}", ...more } },
      edges: [],
      output: "{{ nodes.book.output }}",
    });

  async function start(actions: readonly Action[], of = workflow()): Promise<RunHandle> {
    const engine = backend.engine({ actions: [...actions], worker: { lease: LEASE_MS } });
    await engine.start();
    return engine.runs.start(of);
  }

  const booked = async (): Promise<string[]> =>
    (await backend.database.query<{ what: string }>("select what from booked order by what")).map(
      ({ what }) => what,
    );

  const ending = (run: RunHandle): Promise<unknown> =>
    run.result({ timeout: "45s" }).catch((error: { code: string }) => error.code);

  test("its writes are there when its result is, and not before", async () => {
    const seen: number[] = [];
    const run = await start([
      booking(async (context) => {
        const { rows, rowCount } = await insert(context);
        seen.push((await booked()).length);
        return { rows, rowCount };
      }),
    ]);
    expect(await ending(run)).toEqual({ rows: [{ what: "a" }], rowCount: 1 });
    expect(seen).toEqual([0]);
    expect(await booked()).toEqual(["a"]);
  });

  test("after a failure nothing of it is left, and the next attempt begins anew, with its steps", async () => {
    const parts: string[] = [];
    const run = await start([
      booking(async (context) => {
        const first = await context.step("first", () => {
          parts.push(`first ${context.attempt}`);
          return context.attempt;
        });
        await insert(context);
        if (context.attempt === 1) throw Object.assign(new Error("reset"), { code: "ECONNRESET" });
        return first;
      }),
    ]);
    expect(await ending(run)).toBe(2);
    expect(await booked()).toEqual(["a"]);
    expect(parts).toEqual(["first 1", "first 2"]);
    const [node] = (await run.detail()).nodes;
    expect(node).toMatchObject({ attempt: 2, possiblyDuplicated: false });
  });

  test.each<[string, (context: ActionContext<Json>) => Promise<unknown>, object]>([
    ["a permanent error", () => Promise.reject(new PermanentError("no")), { class: "PermanentError" }],
    ["a commit of its own", ({ tx }) => tx.query(" COMMIT"), { class: "PermanentError" }],
    ["an output that is none", () => Promise.resolve(10n), { class: "invalid_output" }],
    ["an error that it hid", ({ tx }) => tx.query("select 1 / 0").catch(() => 1), { sqlState: "25P02" }],
  ])("%s: nothing is written, and there is a dead letter", async (_, then, error) => {
    const run = await start([booking((context) => insert(context).then(() => then(context)))]);
    expect(await ending(run)).toBe("run_failed");
    expect(ran).toBe(1);
    expect(await booked()).toEqual([]);
    expect((await run.detail()).nodes).toMatchObject([{ status: "failed", error }]);
  });

  test("what the commit refuses has not happened", async () => {
    await backend.database.query("insert into booked values ('x', 'a')");
    const run = await start([booking(insert)]);
    expect(await ending(run)).toBe("run_failed");
    expect((await run.detail()).nodes).toMatchObject([{ error: { class: "database", sqlState: "23505" } }]);
    expect(await booked()).toEqual(["a"]);
  });

  test("a timeout rolls back, whatever the action still does", async () => {
    const late: unknown[] = [];
    const run = await start(
      [
        booking(async (context) => {
          await insert(context);
          const { signal } = context;
          if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
          late.push(await insert(context, "b").catch((error: unknown) => error));
          return 1;
        }),
      ],
      // Long enough for the first of its writes on a busy machine.
      workflow({ timeout: 2_000, retry: { immediate: 0, backoff: [] } }),
    );
    expect(await ending(run)).toBe("run_failed");
    expect((await run.detail()).nodes).toMatchObject([{ error: { class: "timeout" } }]);
    await expect.poll(() => late, { timeout: 20_000 }).toHaveLength(1);
    expect(await booked()).toEqual([]);
  });

  test("a run that moved meanwhile is no reason to roll back", async () => {
    const moved = Promise.withResolvers<void>();
    const other = defineAction({ name: "other", run: () => "done" });
    const of = defineWorkflow({
      format: 1,
      name: "branches",
      nodes: {
        book: { kind: "action", action: "book" },
        other: { kind: "action", action: "other" },
        next: { kind: "action", action: "other" },
        last: { kind: "action", action: "other" },
      },
      edges: [
        { from: "other", to: "next" },
        { from: "book", to: "last" },
        { from: "next", to: "last" },
      ],
    });
    const run = await start([booking((context) => insert(context).then(() => moved.promise)), other], of);
    await run.signal("kept");
    await expect
      .poll(async () => (await run.detail()).nodes.find(({ node }) => node === "next")?.status, {
        timeout: 20_000,
      })
      .toBe("succeeded");
    moved.resolve();
    expect(await ending(run)).toEqual({ last: "done" });
    expect([ran, await booked()]).toEqual([1, ["a"]]);
  });

  test("a worker that was declared dead meanwhile rolls back", async () => {
    const held = Promise.withResolvers<void>();
    // Whoever takes it over: the other engine, or this one under its new name.
    const once = booking((context) =>
      ran === 1 ? insert(context, "dead").then(() => held.promise) : insert(context, "alive"),
    );
    const run = await start([once]);
    await expect.poll(() => ran, { timeout: 20_000 }).toBe(1);
    await backend.database.query("update flowforge.workers set dead_at = heartbeat_at");
    const second: Engine = backend.engine({ actions: [once], worker: { lease: LEASE_MS } });
    await second.start();
    expect(await ending(run)).toMatchObject({ rowCount: 1 });
    held.resolve();
    await expect.poll(booked, { timeout: 20_000 }).toEqual(["alive"]);
    // More often, where a busy machine costs more leases.
    expect(ran).toBeGreaterThan(1);
  }, 60_000);

  test("the answer to the commit is lost: what was committed is not done again", async () => {
    let lose = false;
    await using proxy = await losingProxy(backend.database.url, (sent) => {
      const isIt = lose && sent.toString("latin1").toLowerCase().includes("commit\0");
      if (isIt) lose = false;
      return isIt;
    });
    const engine = backend.engine({
      ...backend.connection,
      postgres: proxy.url,
      actions: [
        booking(async (context) => {
          lose = true;
          return (await insert(context)).rowCount;
        }),
      ],
    });
    await engine.start();
    const run = await engine.runs.start(workflow());
    expect(await ending(run)).toBe(1);
    expect(proxy.lost).toBe(1);
    expect([ran, await booked()]).toEqual([1, ["a"]]);
  });

  describe("runs that it starts with its transaction", () => {
    const target = (): ReturnType<typeof defineWorkflow> =>
      defineWorkflow({
        format: 1,
        name: "shipping",
        nodes: { ship: { kind: "action", action: "ship" } },
        edges: [],
        output: "{{ input.of }}",
      });
    const shipped: string[] = [];
    const ship = defineAction({ name: "ship", run: ({ run }) => shipped.push(run.id) });

    let engine: Engine;
    /** The inputs of all runs of `shipping` that exist. */
    const existing = async (): Promise<string[]> => {
      const { items } = await engine.runs.list({ workflow: "shipping" });
      const runs = await Promise.all(items.map(({ id }) => engine.runs.get(id)));
      return runs.map((run) => (run!.input as { of: string }).of).sort();
    };
    /** Books and starts a run of `shipping` in one transaction, and then does this. */
    const open = async (
      then: (context: ActionContext<Json>, child: RunHandle) => unknown,
    ): Promise<RunHandle> => {
      shipped.length = 0;
      const book = booking(async (context) => {
        await insert(context, `booked ${context.attempt}`);
        const input = { of: `attempt ${context.attempt}` };
        const child = await engine.runs.start(target(), { input, tx: context.tx });
        await then(context, child as RunHandle);
        return child.id;
      });
      engine = backend.engine({ actions: [book, ship], worker: { lease: LEASE_MS } });
      await engine.start();
      return engine.runs.start(workflow());
    };

    test("are there when the action's result is, not before, and begin", async () => {
      const seen: unknown[] = [];
      const run = await open(async (_, child) => {
        seen.push(await existing(), await child.status().catch((error: { code: string }) => error.code));
      });
      const child = engine.runs.handle((await ending(run)) as string);
      expect(await ending(child)).toBe("attempt 1");
      expect([seen, shipped, await booked()]).toEqual([[[], "run_not_found"], [child.id], ["booked 1"]]);
    });

    test("are those of the attempt that succeeded; what a failed one started never was", async () => {
      const lost: string[] = [];
      const run = await open(({ attempt }, child) => {
        if (attempt > 2) return;
        lost.push(child.id);
        throw Object.assign(new Error("reset"), { code: "ECONNRESET" });
      });
      const child = engine.runs.handle((await ending(run)) as string);
      expect(await ending(child)).toBe("attempt 3");
      expect([await existing(), shipped, await booked()]).toEqual([["attempt 3"], [child.id], ["booked 3"]]);
      for (const id of lost) expect(await engine.runs.get(id)).toBeNull();
      expect(lost).toHaveLength(2);
    });

    test("never were where the commit is refused, and where the action gives up", async () => {
      await backend.database.query("insert into booked values ('x', 'booked 1')");
      expect(await ending(await open(() => null))).toBe("run_failed");
      expect([await existing(), shipped]).toEqual([[], []]);
      await engine.stop();
      await backend.database.query("delete from booked");
      const failed = await open(() => Promise.reject(new PermanentError("no")));
      expect(await ending(failed)).toBe("run_failed");
      expect([await existing(), shipped, await booked()]).toEqual([[], [], []]);
    });

    test("start once with a key, however often the action runs", async () => {
      const ids: string[] = [];
      const book = booking(async ({ tx, attempt, run }) => {
        const options = { input: { of: "key" }, idempotencyKey: run.id, tx };
        for (let i = 0; i < 2; i++) ids.push((await engine.runs.start(target(), options)).id);
        if (attempt === 1) throw Object.assign(new Error("reset"), { code: "ECONNRESET" });
        return ids.at(-1)!;
      });
      engine = backend.engine({ actions: [book, ship] });
      await engine.start();
      const run = await engine.runs.start(workflow());
      const id = await ending(run);
      expect(ids[0]).toBe(ids[1]);
      expect(ids.slice(2)).toEqual([id, id]);
      expect(await ending(engine.runs.handle(id as string))).toBe("key");
      expect(await existing()).toEqual(["key"]);
    });
  });

  test("at most five at once in a process; the others wait", async () => {
    let open = 0;
    let most = 0;
    const engine = backend.engine({
      actions: [
        booking(async (context) => {
          most = Math.max(most, ++open);
          await insert(context, context.run.id);
          await context.tx.query("select pg_sleep(0.1)");
          open -= 1;
          return null;
        }),
      ],
    });
    await engine.start();
    const runs = await engine.runs.startMany(
      workflow(),
      Array.from({ length: 17 }, () => ({})),
    );
    await Promise.all(runs.map((run) => run.result({ timeout: "20s" })));
    expect(most).toBe(5);
    expect(await booked()).toHaveLength(17);
  });

  test("other actions have no transaction", async () => {
    const plain = defineAction({ name: "book", run: (context) => insert(context) });
    const run = await start([plain as Action]);
    expect(await ending(run)).toBe("run_failed");
    expect((await run.detail()).nodes).toMatchObject([{ error: { class: "PermanentError" } }]);
  });
});
