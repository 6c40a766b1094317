/** Workflows that limit how many of their runs are under way at once, on both backends. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import {
  type ConcurrencyOptions,
  defineAction,
  defineWorkflow,
  type Engine,
  type RunHandle,
  type Workflow,
} from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, type BackendName, onEachBackend, openBackend } from "./backends.ts";

const Input = z.object({ n: z.number(), customer: z.string().default("acme") });

/** Records who is at work. `hold`: an action ends when it is let go. */
class Shop {
  readonly begun: number[] = [];
  readonly #atWork = new Set<number>();
  most = 0;
  hold = false;
  readonly #held = new Map<number, () => void>();
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  readonly action = defineAction({
    name: "serve",
    input: z.object({ n: z.number() }),
    effect: "idempotent",
    run: async ({ input: { n }, signal }) => {
      this.begun.push(n);
      this.#atWork.add(n);
      this.most = Math.max(this.most, this.#atWork.size);
      for (const { count, resolve } of this.#waiting) if (this.begun.length >= count) resolve();
      try {
        if (!this.hold) return n;
        await new Promise<void>((resolve, reject) => {
          this.#held.set(n, resolve);
          signal.addEventListener("abort", () => reject(new Error("told to stop")));
        });
        return n;
      } finally {
        this.#atWork.delete(n);
      }
    },
  });

  /** So many have begun. */
  async until(count: number): Promise<void> {
    if (this.begun.length >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }

  letGo(n: number): void {
    this.#held.get(n)!();
  }
}

type Options = ConcurrencyOptions<z.output<typeof Input>, "shop", z.input<typeof Input>>;

function shop(name: string, concurrency?: Options) {
  return defineWorkflow({
    name: name as "shop",
    input: Input,
    ...(concurrency ? { concurrency } : {}),
    build: ({ action, input }) => action("serve", "serve", { n: input.n }).output,
  });
}

async function statuses(run: RunHandle): Promise<object> {
  return Object.fromEntries((await run.detail()).nodes.map(({ node, status }) => [node, status]));
}

const result = (run: RunHandle): Promise<unknown> => run.result({ timeout: "40s" });

onEachBackend("concurrency of a workflow", (name: BackendName) => {
  let backend: Backend;
  let engine: Engine;
  let work: Shop;

  beforeEach(async () => {
    backend = await openBackend(name);
    work = new Shop();
    engine = backend.engine({ actions: [work.action] });
    await engine.start();
  });
  afterEach(() => backend[Symbol.asyncDispose]());

  const start = (flow: Workflow, n: number, more: object = {}): Promise<RunHandle> =>
    engine.runs.start(flow as Workflow<unknown>, { input: { n }, ...more }) as Promise<RunHandle>;
  const gates = async (): Promise<number> => {
    const [row] = await backend.database.query<{ n: number }>(
      "select count(*)::int as n from flowforge.run_gates",
    );
    return row!.n;
  };

  test("queue: 100 runs over two engines, never more than 3 at once, begun in the order of their starts", async () => {
    const other = backend.engine({ actions: [work.action] });
    await other.start();
    const flow = shop("orders", { limit: 3 });
    const runs: RunHandle[] = [];
    for (let n = 0; n < 100; n++)
      runs.push(await (n % 2 ? engine : other).runs.start(flow, { input: { n } }));
    expect(await Promise.all(runs.map(result))).toEqual(runs.map((_, n) => n));
    expect(work.most).toBeLessThanOrEqual(3);
    const times = await Promise.all(runs.map(async (run) => (await run.detail()).header.startedAt!));
    // They come in by the order of their starts. The two others that are in by then may take their first step a little later.
    for (const [n, time] of times.entries())
      expect(times.slice(0, n).filter((before) => before > time).length, `before ${n}`).toBeLessThan(3);
    expect(await gates()).toBe(0);
  });

  test("a run that waits says why, and its events too", async () => {
    work.hold = true;
    const flow = shop("orders", { limit: 1 });
    const first = await start(flow, 1);
    await work.until(1);
    const second = await start(flow, 2);
    const detail = await second.detail();
    expect(detail.header).toMatchObject({ status: "queued", startedAt: null });
    expect(detail.nodes).toMatchObject([{ node: "start", status: "waiting", waitingFor: "concurrency" }]);
    const events = second.events();
    expect((await events.next()).value).toMatchObject({
      type: "node",
      node: "start",
      status: "waiting",
      waitingFor: "concurrency",
    });
    work.letGo(1);
    await work.until(2);
    work.letGo(2);
    expect([await result(first), await result(second)]).toEqual([1, 2]);
  });

  test("other keys do not wait for one another", async () => {
    work.hold = true;
    const flow = shop("orders", { key: ({ input }) => input.customer, limit: 1 });
    for (const [n, customer] of ["a", "b", "c"].entries())
      await engine.runs.start(flow, { input: { n, customer } });
    await work.until(3);
    const late = await engine.runs.start(flow, { input: { n: 3, customer: "b" } });
    expect(await late.status()).toBe("queued");
    work.letGo(1);
    await work.until(4);
    for (const n of [0, 2, 3]) work.letGo(n);
    expect(await result(late)).toBe(3);
  });

  test("a key that cannot be made: nothing is stored", async () => {
    const flow = shop("orders", { key: ({ input }) => input.customer, limit: 1 });
    const starting = engine.runs.start(flow, { input: { n: 1, customer: "" } });
    await expect(starting).rejects.toMatchObject({ code: "concurrency_key_invalid" });
    expect((await engine.runs.list()).items).toEqual([]);
  });

  test("reject: of 50 at once over two engines exactly one begins, and the others write nothing", async () => {
    work.hold = true;
    const other = backend.engine({ actions: [work.action] });
    await other.start();
    const flow = shop("orders", { limit: 1, onLimit: "reject" });
    const starts = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) => (n % 2 ? engine : other).runs.start(flow, { input: { n } })),
    );
    const stored = starts.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const refused = starts.flatMap((each) =>
      each.status === "rejected" ? [each.reason as { code: string }] : [],
    );
    expect(stored).toHaveLength(1);
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(["concurrency_limit_reached"]));
    expect((await engine.runs.list()).items).toHaveLength(1);
    await work.until(1);
    work.letGo(work.begun[0]!);
    await result(stored[0]!);
    work.hold = false;
    expect(await result(await start(flow, 99))).toBe(99);
  });

  test("reject: a start with a known key is no other start", async () => {
    work.hold = true;
    const flow = shop("orders", { limit: 1, onLimit: "reject" });
    const first = await start(flow, 1, { idempotencyKey: "k" });
    expect((await start(flow, 1, { idempotencyKey: "k" })).id).toBe(first.id);
    await expect(start(flow, 1, { idempotencyKey: "l" })).rejects.toMatchObject({
      code: "concurrency_limit_reached",
    });
    expect(await engine.runs.getByKey("l", { workflow: flow })).toBeNull();
    await work.until(1);
    work.letGo(1);
    await result(first);
  });

  test("cancelOldest: the oldest ends, and the newest goes on", async () => {
    work.hold = true;
    const flow = shop("orders", { limit: 1, onLimit: "cancelOldest" });
    const runs = [await start(flow, 0)];
    await work.until(1);
    for (let n = 1; n < 4; n++) runs.push(await start(flow, n));
    for (const old of runs.slice(0, 3))
      await expect(result(old)).rejects.toMatchObject({ code: "run_cancelled" });
    await expect.poll(() => work.begun.at(-1), { timeout: 40_000 }).toBe(3);
    // Those in between begin where the one before has ended by the time that the next is started.
    expect([work.begun[0], new Set(work.begun).size, work.most]).toEqual([0, work.begun.length, 1]);
    work.letGo(3);
    expect(await result(runs[3]!)).toBe(3);
    expect(await gates()).toBe(0);
  });

  test("a new version with another limit counts from its first start on", async () => {
    work.hold = true;
    const first = await start(shop("orders", { limit: 1 }), 0);
    await work.until(1);
    const second = await start(shop("orders", { limit: 1 }), 1);
    expect(await second.status()).toBe("queued");
    const raised = backend.engine({ actions: [work.action] });
    await raised.start();
    const third = await raised.runs.start(shop("orders", { limit: 3 }), { input: { n: 2 } });
    await work.until(3);
    for (let n = 0; n < 3; n++) work.letGo(n);
    expect(await Promise.all([first, second, third].map((run) => result(run as RunHandle)))).toEqual([
      0, 1, 2,
    ]);
  });

  test("a paused run keeps its place, a cancelled one leaves it", async () => {
    work.hold = true;
    const flow = shop("orders", { limit: 1 });
    const first = await start(flow, 0);
    await work.until(1);
    const [second, third] = [await start(flow, 1), await start(flow, 2)];
    await second.pause();
    work.letGo(0);
    await result(first);
    await expect.poll(async () => statuses(second)).toEqual({ start: "succeeded", serve: "ready" });
    expect(await second.status()).toBe("paused");
    expect(await third.status()).toBe("queued");
    await second.cancel();
    await work.until(2);
    expect(work.begun).toEqual([0, 2]);
    work.letGo(2);
    expect(await result(third)).toBe(2);
  });

  test("a delayed start asks for room when its time has come, and lets others by until then", async () => {
    work.hold = true;
    const flow = shop("orders", { limit: 1 });
    const delayed = await start(flow, 0, { at: Date.now() + 3_600_000 });
    const first = await start(flow, 1);
    await work.until(1);
    await shiftClock(backend.database, 3_600_000);
    await expect
      .poll(async () => (await delayed.detail()).nodes[0]!.waitingFor, { timeout: 20_000 })
      .toBe("concurrency");
    work.letGo(1);
    await result(first);
    await work.until(2);
    work.letGo(0);
    expect(await result(delayed)).toBe(0);
  });

  test("a start in a transaction waits for room after the commit; after a rollback it never did", async () => {
    const flow = shop("orders", { limit: 1 });
    const failing = engine.transaction(async (tx) => {
      await engine.runs.start(flow, { input: { n: 1 }, tx });
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await gates()).toBe(0);
    const run = await engine.transaction(async (tx) => {
      const inside = await engine.runs.start(flow, { input: { n: 1 }, tx });
      // Nobody waits for what is not committed.
      expect(await result(await start(flow, 2))).toBe(2);
      return inside;
    });
    expect(await result(run as RunHandle)).toBe(1);
  });

  test("a start in the caller's own transaction is found after the commit, also where nobody dispatches it", async () => {
    const flow = shop("orders", { limit: 1 });
    const client = await backend.database.pool({ max: 1 }).connect();
    try {
      await client.query("begin");
      const run = await engine.runs.start(flow, { input: { n: 1 }, tx: client });
      await client.query("commit");
      expect(await result(run as RunHandle)).toBe(1);
      await client.query("begin");
      const second = await engine.runs.start(flow, { input: { n: 2 }, tx: client });
      await client.query("commit");
      await second.dispatch();
      expect(await result(second as RunHandle)).toBe(2);
    } finally {
      client.release();
    }
  });

  test("many started at once by two engines: never too many, and every one begins", async () => {
    const other = backend.engine({ actions: [work.action] });
    await other.start();
    const flow = shop("orders", { limit: 2 });
    const starts = (from: number) => Array.from({ length: 40 }, (_, n) => ({ input: { n: from + n } }));
    const [mine, others] = await Promise.all([
      engine.runs.startMany(flow, starts(0)),
      other.runs.startMany(flow, starts(100)),
    ]);
    await Promise.all([...mine, ...others].map((run) => result(run as RunHandle)));
    expect(work.most).toBeLessThanOrEqual(2);
    expect(new Set(work.begun).size).toBe(80);
    expect(await gates()).toBe(0);
  });

  test("cancelOldest: of many at once the newest stays, wherever the others run", async () => {
    work.hold = true;
    const other = backend.engine({ actions: [work.action] });
    await other.start();
    const flow = shop("orders", { limit: 1, onLimit: "cancelOldest" });
    const runs: RunHandle[] = [];
    for (let n = 0; n < 8; n++)
      runs.push((await (n % 2 ? engine : other).runs.start(flow, { input: { n } })) as RunHandle);
    for (const old of runs.slice(0, -1))
      await expect(result(old)).rejects.toMatchObject({ code: "run_cancelled" });
    await expect.poll(() => work.begun.includes(7), { timeout: 10_000 }).toBe(true);
    expect(work.most).toBe(1);
    work.letGo(7);
    expect(await result(runs[7]!)).toBe(7);
  });

  test("reject in a transaction: known at once, and the place belongs to it", async () => {
    const flow = shop("orders", { limit: 1, onLimit: "reject" });
    await engine.transaction(async (tx) => {
      await engine.runs.start(flow, { input: { n: 1 }, tx });
      await expect(engine.runs.start(flow, { input: { n: 2 }, tx })).rejects.toMatchObject({
        code: "concurrency_limit_reached",
      });
    });
    await work.until(1);
    expect(work.begun).toEqual([1]);
  });

  test("a run at rest with a dead letter has no place; redriven, it goes on at once, and counts", async () => {
    let isBroken = true;
    const fragile = defineAction({
      name: "fragile",
      effect: "idempotent",
      run: async () => {
        if (isBroken) throw new Error("broken");
        work.begun.push(-1);
        return -1;
      },
    });
    const other = backend.engine({ actions: [fragile, work.action] });
    await other.start();
    const flow = defineWorkflow({
      name: "fragile",
      concurrency: { limit: 1 },
      retry: { immediate: 0, backoff: [] },
      build: ({ action }) => action("a", "fragile").output,
    });
    const run = await other.runs.start(flow);
    await expect(result(run as RunHandle)).rejects.toMatchObject({ code: "run_failed" });
    expect(await gates()).toBe(0);
    isBroken = false;
    const [letter] = (await other.deadLetters.list()).items;
    await other.deadLetters.redrive(letter!.id);
    await expect.poll(() => run.status(), { timeout: 10_000 }).toBe("succeeded");
    expect(await gates()).toBe(0);
  });

  test("a rerun asks for room as a start does; one that takes something over is refused where there is none", async () => {
    const flow = defineWorkflow({
      name: "orders",
      input: Input,
      concurrency: { limit: 1 },
      build: ({ action, input }) => {
        const first = action("first", "serve", { n: input.n });
        return action("second", "serve", { n: input.n }, { after: first }).output;
      },
    });
    const first = await start(flow, 0);
    await result(first);
    work.hold = true;
    const second = await start(flow, 1);
    await work.until(3);
    const again = await engine.runs.rerun(first.id);
    expect(await again.status()).toBe("queued");
    await expect(engine.runs.rerun(first.id, { from: "second" })).rejects.toMatchObject({
      code: "concurrency_limit_reached",
    });
    await again.cancel();
    work.letGo(1);
    await work.until(4);
    work.letGo(1);
    await result(second);
    const rest = await engine.runs.rerun(first.id, { from: "second" });
    await work.until(5);
    work.letGo(0);
    expect(await result(rest)).toBe(0);
    expect(work.begun).toEqual([0, 0, 1, 1, 0]);
  });
});
