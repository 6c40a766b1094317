/** Keys that nodes share with other runs: the effect happens once, and everybody has its result. */
import { once } from "node:events";
import { EventEmitter } from "node:events";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import {
  defineAction,
  defineWorkflow,
  type Engine,
  PermanentError,
  type RunHandle,
  RunFailedError,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";

const RUNS = 50;

onEachBackend("keys of actions across runs", (name) => {
  let backend: Backend;
  /** Who charged what, under which key of the provider's. */
  let charges: { order: string; amount: number; key: string; runId: string }[];
  /** `began`: a charge is under way. `go`: it may end. */
  let gate: EventEmitter | null;
  let failure: Error | null;

  beforeEach(async () => {
    backend = await openBackend(name);
    charges = [];
    gate = null;
    failure = null;
  });

  afterEach(() => backend[Symbol.asyncDispose]());

  const charge = defineAction({
    name: "charge",
    input: z.object({ order: z.string(), amount: z.number() }),
    output: z.object({ id: z.string() }),
    run: async ({ input, idempotencyKey, run }) => {
      charges.push({ ...input, key: idempotencyKey, runId: run.id });
      const id = `ch_${charges.length}`;
      if (gate) {
        const go = once(gate, "go");
        gate.emit("began");
        await go;
      }
      if (failure) throw failure;
      return { id };
    },
  });

  const paying = defineWorkflow({
    name: "paying",
    input: z.object({ order: z.string(), amount: z.number().default(10) }),
    build: ({ action, input, text }) => {
      const paid = action("pay", charge, input, {
        idempotencyKey: text`charge-${input.order}`,
        retry: { immediate: 0, backoff: [] },
      });
      return { id: paid.output.id };
    },
  });

  async function engine(): Promise<Engine> {
    const made = backend.engine({ actions: [charge] });
    await made.start();
    return made;
  }

  /** The first run charges; the engine waits until the others wait for its key. */
  async function held(by: Engine, others: number): Promise<[RunHandle, RunHandle[]]> {
    gate = new EventEmitter();
    const began = once(gate, "began");
    const first = await by.runs.start(paying, { input: { order: "o1" } });
    await began;
    const rest: RunHandle[] = [];
    for (let n = 0; n < others; n++) rest.push(await by.runs.start(paying, { input: { order: "o1" } }));
    for (const run of rest) await expect.poll(() => run.status()).toBe("waiting");
    return [first, rest];
  }

  test("a run after another one has its result, and does not charge", async () => {
    const { runs } = await engine();
    const results = [];
    for (const order of ["o1", "o1", "o2"]) {
      const run = await runs.start(paying, { input: { order } });
      results.push(await run.result({ timeout: "20s" }));
    }
    expect(results).toEqual([{ id: "ch_1" }, { id: "ch_1" }, { id: "ch_2" }]);
    expect(charges.map(({ order }) => order)).toEqual(["o1", "o2"]);
    expect(charges[0]!.key).toMatch(/^[0-9a-f]{52}$/);
    expect(charges[0]!.key).not.toBe(charges[1]!.key);
  });

  test("while one charges, others wait, and have its result as soon as it is there", async () => {
    const { runs } = await engine();
    const [first, rest] = await held({ runs } as Engine, 3);
    const waiting = await runs.get(rest[0]!.id);
    expect(waiting!.nodes.find(({ node }) => node === "pay")).toMatchObject({
      status: "waiting",
      waitingFor: "key",
    });
    const started = Date.now();
    gate!.emit("go");
    const all = await Promise.all([first, ...rest].map((run) => run.result({ timeout: "20s" })));
    expect(all).toEqual(Array(4).fill({ id: "ch_1" }));
    expect(charges).toHaveLength(1);
    // They were told, and did not find out by looking.
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  test(`${RUNS} at once over two engines: one charge`, async () => {
    const engines = [await engine(), await engine()];
    const runs = await Promise.all(
      Array.from({ length: RUNS }, (_, n) => engines[n % 2]!.runs.start(paying, { input: { order: "o1" } })),
    );
    const results = await Promise.all(runs.map((run) => run.result({ timeout: "25s" })));
    expect(results).toEqual(Array(RUNS).fill({ id: "ch_1" }));
    expect(charges).toHaveLength(1);
  });

  test("two nodes of one run with one key: one charge", async () => {
    const twice = defineWorkflow({
      name: "twice",
      build: ({ action }) => {
        const input = { order: "o1", amount: 1 };
        const [a, b] = ["a", "b"].map((id) => action(id, charge, input, { idempotencyKey: "k" }));
        return { a: a!.output.id, b: b!.output.id };
      },
    });
    const { runs } = await engine();
    const run = await runs.start(twice, { input: null });
    expect(await run.result({ timeout: "20s" })).toEqual({ a: "ch_1", b: "ch_1" });
    expect(charges).toHaveLength(1);
  });

  test("another input under the same key fails for good, while the first one runs and after it", async () => {
    const { runs } = await engine();
    const [first] = await held({ runs } as Engine, 0);
    const other = async (): Promise<void> => {
      const run = await runs.start(paying, { input: { order: "o1", amount: 11 } });
      const error = await run.result({ timeout: "20s" }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(RunFailedError);
      expect(String(error)).toMatch(/"charge-o1".*belongs to node "pay" of run.*\(idempotency_conflict\)/s);
    };
    await other();
    gate!.emit("go");
    await first.result({ timeout: "20s" });
    await other();
    expect(charges).toHaveLength(1);
  });

  test("a definite failure frees the key for those who wait", async () => {
    const { runs } = await engine();
    const [first, [next]] = await held({ runs } as Engine, 1);
    failure = new PermanentError("card declined");
    const again = once(gate!, "began");
    gate!.emit("go");
    await expect(first.result({ timeout: "20s" })).rejects.toBeInstanceOf(RunFailedError);
    await again;
    failure = null;
    gate!.emit("go");
    expect(await next!.result({ timeout: "20s" })).toEqual({ id: "ch_2" });
    expect(charges[0]!.key).toBe(charges[1]!.key);
  });

  test("a cancelled holder frees the key once its action has stopped, a cancelled waiter leaves it alone", async () => {
    const { runs } = await engine();
    const [first, [gone, next]] = await held({ runs } as Engine, 2);
    await gone!.cancel();
    await expect.poll(() => gone!.status()).toBe("cancelled");
    failure = new PermanentError("stopped");
    await first.cancel();
    const again = once(gate!, "began");
    gate!.emit("go");
    await again;
    failure = null;
    gate!.emit("go");
    expect(await next!.result({ timeout: "20s" })).toEqual({ id: "ch_2" });
    expect(await first.status()).toBe("cancelled");
  });

  test("a pause holds a waiter back, also when the key is settled meanwhile", async () => {
    const { runs } = await engine();
    const [first, [waiter]] = await held({ runs } as Engine, 1);
    await waiter!.pause();
    await expect.poll(() => waiter!.status()).toBe("paused");
    gate!.emit("go");
    await first.result({ timeout: "20s" });
    for (let n = 0; n < 50; n++) await setImmediate();
    expect(await waiter!.status()).toBe("paused");
    await waiter!.resume();
    expect(await waiter!.result({ timeout: "20s" })).toEqual({ id: "ch_1" });
    expect(charges).toHaveLength(1);
  });
});

onEachBackend("keys of actions whose outcome is unknown", (name) => {
  let backend: Backend;
  let keys: string[];
  let lost: boolean;

  beforeEach(async () => {
    backend = await openBackend(name);
    keys = [];
    lost = true;
  });

  afterEach(() => backend[Symbol.asyncDispose]());

  const send = defineAction({
    name: "send",
    effect: "atMostOnce",
    run: ({ idempotencyKey }) => {
      keys.push(idempotencyKey);
      if (lost) throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
      return keys.length;
    },
  });
  const sending = defineWorkflow({
    name: "sending",
    build: ({ action }) => action("send", send, {}, { idempotencyKey: "the-one" }).output,
  });

  /** A run that does not know whether it sent, and one that waits for it. */
  async function inDoubt(): Promise<{
    engine: Engine;
    doubtful: RunHandle;
    waiter: RunHandle;
    letter: string;
  }> {
    const engine = backend.engine({ actions: [send] });
    await engine.start();
    const doubtful = await engine.runs.start(sending, { input: null });
    await expect(doubtful.result({ timeout: "20s" })).rejects.toThrow("(outcome_unknown)");
    const waiter = await engine.runs.start(sending, { input: null });
    await expect.poll(() => waiter.status()).toBe("waiting");
    const { items } = await engine.deadLetters.list();
    return { engine, doubtful, waiter, letter: items[0]!.id };
  }

  test("completed by hand: those who wait have that output", async () => {
    const { engine, waiter, letter } = await inDoubt();
    await engine.deadLetters.complete(letter, { output: 17 });
    expect(await waiter.result({ timeout: "20s" })).toBe(17);
    expect(keys).toHaveLength(1);
  });

  test("discarded: the next one sends", async () => {
    const { engine, waiter, letter } = await inDoubt();
    lost = false;
    await engine.deadLetters.discard(letter);
    expect(await waiter.result({ timeout: "20s" })).toBe(2);
    expect(keys[0]).toBe(keys[1]);
  });

  test("redriven: it still holds the key, and what it gives is everybody's", async () => {
    const { engine, doubtful, waiter, letter } = await inDoubt();
    lost = false;
    await engine.deadLetters.redrive(letter, { force: true, newKey: true });
    expect(await doubtful.result({ timeout: "20s" })).toBe(2);
    expect(await waiter.result({ timeout: "20s" })).toBe(2);
    // Asked for a new one, the provider gets a new one.
    expect(new Set(keys).size).toBe(2);
  });
});
