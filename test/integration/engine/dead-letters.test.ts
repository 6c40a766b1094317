/** Dead letters: seen, grouped, redriven, completed and discarded, one by one and a thousand at once. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type DeadLetter,
  defineWorkflow,
  type Engine,
  PermanentError,
  type RunHandle,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const charge: WorkflowDocument = {
  format: 1,
  name: "charge",
  nodes: {
    pay: { kind: "action", action: "pay", input: { n: "{{ input.n }}", cents: "{{ input.cents }}" } },
    ship: { kind: "action", action: "ship", input: { receipt: "{{ nodes.pay.output.receipt }}" } },
  },
  edges: [{ from: "pay", to: "ship" }],
  output: "{{ nodes.ship.output }}",
};

onEachBackend("dead letters", (name) => {
  let backend: Backend;
  let engine: Engine;
  /** What happens to a payment; the calls that were made. */
  let outage: ((input: { n: number }) => unknown) | null = null;
  const calls: { n: number; key: string; input: unknown }[] = [];
  const pay = action(
    "pay",
    ({ input, idempotencyKey }) => {
      const { n } = input as { n: number };
      calls.push({ n, key: idempotencyKey, input });
      if (outage) throw outage({ n });
      return { receipt: `r${n}` };
    },
    {
      input: z.object({ n: z.number(), cents: z.number().transform((cents) => cents / 100) }),
      output: z.object({ receipt: z.string() }),
    },
  );
  const unsure = action(
    "unsure",
    () => {
      throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
    },
    { effect: "atMostOnce" },
  );
  const ship = action("ship", ({ input }) => input);

  beforeAll(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ actions: [pay, ship, unsure] });
    await engine.start();
  });
  afterAll(() => backend[Symbol.asyncDispose]());

  const refusal = ({ n }: { n: number }): Error => new PermanentError(`no account "a${n}" for order ${n}`);
  const start = (document: WorkflowDocument, input: object = { n: 1, cents: 250 }, workspace = "default") =>
    engine.runs.start(defineWorkflow(document), { input, workspace });

  /** A run that came to rest with one dead letter. */
  async function failed(
    document: WorkflowDocument = charge,
    workspace = "default",
  ): Promise<{ run: RunHandle; letter: DeadLetter }> {
    outage = refusal;
    const run = await start(document, undefined, workspace);
    await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
    outage = null;
    const { items } = await engine.deadLetters.list({ runId: run.id, workspace });
    expect(items).toHaveLength(1);
    return { run, letter: items[0]! };
  }
  const single = (nodes: WorkflowDocument["nodes"], label: string): WorkflowDocument => ({
    format: 1,
    name: label,
    nodes,
    edges: [],
  });
  const read = async (letter: DeadLetter) => (await engine.deadLetters.get(letter.id))!;
  const keysOf = (run: RunHandle, from: number): Promise<string[]> =>
    run.detail().then(() => calls.slice(from).map(({ key }) => key));

  describe("one", () => {
    test("is listed with what failed, on what input", async () => {
      const heard: unknown[] = [];
      const off = engine.on("node.deadLetter", (event) => heard.push(event));
      const { run, letter } = await failed();
      off();
      expect(letter).toMatchObject({
        runId: run.id,
        workflow: "charge",
        version: 1,
        node: "pay",
        attempts: 1,
        error: { class: "PermanentError", message: 'no account "a1" for order 1' },
        input: { n: 1, cents: 2.5 },
        resolvedAt: null,
      });
      expect(letter.fingerprint).toMatch(/^[0-9a-f]{16}$/);
      expect(letter.firstAttemptAt).toBeLessThanOrEqual(letter.openedAt);
      expect(heard).toMatchObject([{ runId: run.id, node: "pay" }]);
      expect(await read(letter)).toEqual(letter);
      expect(await engine.deadLetters.get(letter.id, { workspace: "other" })).toBeNull();
    });

    test("is there whatever its error says", async () => {
      outage = () => new PermanentError("no \0 account \ud800");
      const run = await start(charge, undefined, "odd");
      await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
      outage = null;
      const [group] = await engine.deadLetters.groups({ workspace: "odd" });
      expect(group).toMatchObject({ count: 1, node: "pay", message: "no \ufffd account \ufffd" });
    });

    test("is redriven in its run, with the same key, and the run goes on", async () => {
      const from = calls.length;
      const { run, letter } = await failed();
      await engine.deadLetters.redrive(letter.id, { by: "Ada" });
      expect(await run.result({ timeout: "20s" })).toEqual({ receipt: "r1" });
      expect(new Set(await keysOf(run, from)).size).toBe(1);
      expect(await read(letter)).toMatchObject({ resolution: "redriven", resolvedBy: "Ada" });
      expect((await run.detail()).header).toMatchObject({ status: "succeeded", deadLetters: 0 });
      await expect(engine.deadLetters.redrive(letter.id)).rejects.toMatchObject({
        code: "dead_letter_resolved",
        received: "one that was redriven by Ada",
      });
    });

    test("with newKey gets another key", async () => {
      const from = calls.length;
      const { run, letter } = await failed();
      await engine.deadLetters.redrive(letter.id, { newKey: true });
      await run.result({ timeout: "20s" });
      expect(new Set(await keysOf(run, from)).size).toBe(2);
    });

    test("with an edited input gets it through the schema once, and another key; later attempts keep it", async () => {
      const from = calls.length;
      const { run, letter } = await failed();
      outage = refusal;
      await engine.deadLetters.redrive(letter.id, { input: { n: 7, cents: 300 } });
      await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
      outage = null;
      const [again] = (await engine.deadLetters.list({ runId: run.id })).items;
      expect(again).toMatchObject({ input: { n: 7, cents: 3 }, generation: 1 });
      // Another process, which knows of the edit from the store only.
      const other = backend.engine({ actions: [pay, ship] });
      await other.start();
      await other.deadLetters.redrive(again!.id);
      expect(await run.result({ timeout: "20s" })).toEqual({ receipt: "r7" });
      await other.stop();
      const made = calls.slice(from);
      expect(made.map(({ input }) => input)).toEqual([
        { n: 1, cents: 2.5 },
        { n: 7, cents: 3 },
        { n: 7, cents: 3 },
      ]);
      expect(made[0]!.key).not.toBe(made[1]!.key);
      expect(made[1]!.key).toBe(made[2]!.key);
    });

    test("is completed by hand: what comes out goes through the action's schema", async () => {
      const { run, letter } = await failed();
      await expect(engine.deadLetters.complete(letter.id, { output: { receipt: 5 } })).rejects.toMatchObject({
        code: "output_invalid",
        received: expect.stringContaining("receipt") as string,
      });
      await engine.deadLetters.complete(letter.id, { output: { receipt: "by hand" }, by: "Ada" });
      expect(await run.result({ timeout: "20s" })).toEqual({ receipt: "by hand" });
      expect(await read(letter)).toMatchObject({ resolution: "completed", resolvedBy: "Ada" });
    });

    test("is discarded: what depends on it is skipped, and the run ends", async () => {
      const { run, letter } = await failed();
      await engine.deadLetters.discard(letter.id);
      expect(await run.result({ timeout: "20s" })).toBeNull();
      expect(await read(letter)).toMatchObject({ resolution: "discarded", resolvedBy: null });
    });

    test("of a condition is completed with an outcome; redriven it may fail again at once, as another one", async () => {
      const nodes = { c: { kind: "condition", cases: [{ outcome: "big", if: "input.n > 'x'" }] } } as const;
      const { run, letter } = await failed(single(nodes, "broken-condition"));
      await engine.deadLetters.redrive(letter.id, { by: "Ada" });
      expect(await read(letter)).toMatchObject({ resolution: "redriven", resolvedBy: "Ada" });
      const [again] = (await engine.deadLetters.list({ runId: run.id })).items as [DeadLetter];
      expect(again.id).not.toBe(letter.id);
      for (const outcome of [undefined, "small"])
        await expect(engine.deadLetters.complete(again.id, { outcome })).rejects.toMatchObject({
          code: "option_invalid",
          expected: "one of big, else",
        });
      await engine.deadLetters.complete(again.id, { outcome: "else" });
      await run.result({ timeout: "20s" });
    });

    test("of two people who resolve it at once, one is told that it was done", async () => {
      const { run, letter } = await failed();
      const other = backend.engine({ actions: [pay, ship] });
      await other.start();
      const tries = await Promise.allSettled([
        engine.deadLetters.discard(letter.id, { by: "Ada" }),
        other.deadLetters.redrive(letter.id, { by: "Bob" }),
        other.deadLetters.complete(letter.id, { output: { receipt: "x" }, by: "Cid" }),
        engine.deadLetters.redrive(letter.id, { by: "Dan" }),
      ]);
      await run.result({ timeout: "20s" });
      await other.stop();
      const won = tries.findIndex(({ status }) => status === "fulfilled");
      expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect((await read(letter)).resolvedBy).toBe(["Ada", "Bob", "Cid", "Dan"][won]);
      for (const attempt of tries)
        if (attempt.status === "rejected")
          expect(attempt.reason).toMatchObject({ code: "dead_letter_resolved" });
    });

    test("of a cancelled run is never run again, but may be discarded", async () => {
      const { run, letter } = await failed();
      await run.cancel();
      expect(await run.status()).toBe("cancelled");
      await expect(engine.deadLetters.redrive(letter.id)).rejects.toMatchObject({
        code: "dead_letter_refused",
        received: "a run that was cancelled",
      });
      await engine.deadLetters.discard(letter.id);
      expect(await read(letter)).toMatchObject({ resolution: "discarded" });
      expect(await run.status()).toBe("cancelled");
    });
  });

  describe("what could let an effect happen twice", () => {
    test("another key for an unknown outcome needs force", async () => {
      const { run, letter } = await failed(single({ u: { kind: "action", action: "unsure" } }, "unsure"));
      expect(letter.error.class).toBe("outcome_unknown");
      for (const options of [{ newKey: true }, { input: 1 }])
        await expect(engine.deadLetters.redrive(letter.id, options)).rejects.toMatchObject({
          code: "redrive_unsafe",
        });
      await engine.deadLetters.redrive(letter.id, { newKey: true, force: true });
      await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
      expect(await read(letter)).toMatchObject({ resolution: "redriven" });
    });

    test("the old key after a day needs force; another one does not where nothing had happened", async () => {
      const one = await failed();
      const two = await failed();
      await backend.database.query(
        "update flowforge.attempts set started_at = started_at - 86500000 where run_id in ($1, $2)",
        [one.run.id, two.run.id],
      );
      await expect(engine.deadLetters.redrive(one.letter.id)).rejects.toMatchObject({
        code: "redrive_unsafe",
      });
      await engine.deadLetters.redrive(one.letter.id, { force: true });
      await engine.deadLetters.redrive(two.letter.id, { newKey: true });
      for (const { run } of [one, two]) await run.result({ timeout: "20s" });
    });
  });

  test("a thousand of one fingerprint are redriven by it, and others are not", async () => {
    outage = refusal;
    const document = { ...charge, name: "bulk" };
    const runs = await engine.runs.startMany(
      defineWorkflow(document),
      Array.from({ length: 1_000 }, (_, n) => ({ input: { n, cents: 100 }, workspace: "bulk" })),
    );
    await Promise.all(
      runs.map((run) => run.result({ timeout: "60s" }).catch((error: { code: string }) => error.code)),
    );
    outage = () => new PermanentError("something else");
    const other = await start(document, undefined, "bulk");
    await expect(other.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
    outage = null;

    const groups = await engine.deadLetters.groups({ workspace: "bulk" });
    expect(groups.map(({ count, node, errorClass }) => [count, node, errorClass])).toEqual([
      [1_000, "pay", "PermanentError"],
      [1, "pay", "PermanentError"],
    ]);
    const { fingerprint } = groups[0]!;
    const cancelled = runs.slice(0, 3);
    for (const run of cancelled) await run.cancel();
    // Two people at once: each dead letter is counted as done once.
    const filter = { workspace: "bulk", fingerprint };
    const results = await Promise.all([
      engine.deadLetters.redrive(filter, { by: "Ada" }),
      engine.deadLetters.redrive(filter, { by: "Bob" }),
    ]);
    expect(results[0].done + results[1].done).toBe(997);
    const refused = results[0].reasons["dead_letter_refused"]! + results[1].reasons["dead_letter_refused"]!;
    expect(refused).toBe(6);
    for (const result of results)
      expect(Object.values(result.reasons).reduce((sum, count) => sum + count, 0)).toBe(result.refused);
    await Promise.all(runs.slice(3).map((run) => run.result({ timeout: "60s" })));
    expect(await engine.deadLetters.redrive(filter)).toMatchObject({ done: 0, refused: 3 });
    expect(await engine.deadLetters.complete(filter, { output: 1 })).toMatchObject({ done: 0, refused: 3 });
    expect(await engine.deadLetters.discard(filter, { by: "Ada" })).toEqual({
      done: 3,
      refused: 0,
      reasons: {},
      examples: [],
    });
    expect((await engine.deadLetters.groups({ workspace: "bulk" })).map(({ count }) => count)).toEqual([1]);
    const resolved = await engine.deadLetters.list({ workspace: "bulk", state: "resolved", limit: 1_000 });
    expect([resolved.items.length, resolved.cursor]).toEqual([1_000, null]);
  }, 180_000);

  describe("bad input", () => {
    const letters = () => engine.deadLetters;
    const refused: readonly (readonly [string, () => Promise<unknown>, string])[] = [
      ["an id that is none", () => letters().redrive("nothing"), "dead_letter_not_found"],
      ["an id of nobody", () => letters().discard("999999999"), "dead_letter_not_found"],
      ["no id at all", () => letters().complete(undefined as never), "option_invalid"],
      ["a wrong option", () => letters().redrive("1", { newkey: true } as never), "option_invalid"],
      ["a filter with a wrong part", () => letters().redrive({ nod: "a" } as never), "option_invalid"],
      ["an edited input for many", () => letters().redrive({}, { input: 1 } as never), "option_invalid"],
      ["a wrong limit", () => letters().list({ limit: 0 }), "option_invalid"],
      ["a wrong cursor", () => letters().list({ cursor: "x" }), "option_invalid"],
      ["a wrong state", () => letters().list({ state: "closed" } as never), "option_invalid"],
      ["a wrong time", () => letters().groups({ openedAfter: new Date("never") }), "option_invalid"],
    ];
    test.each(refused)("%s", async (_name, call, code) => {
      await expect(call()).rejects.toMatchObject({ code });
    });

    test("what does not fit the node", async () => {
      const { run, letter } = await failed();
      const { deadLetters } = engine;
      for (const [call, code] of [
        [() => deadLetters.redrive(letter.id, { input: { n: "x" } }), "input_invalid"],
        [() => deadLetters.redrive(letter.id, { input: 1n }), "value_invalid"],
        [() => deadLetters.complete(letter.id), "output_invalid"],
        [
          () => deadLetters.complete(letter.id, { output: { receipt: "" }, outcome: "success" }),
          "option_invalid",
        ],
        [() => deadLetters.discard(letter.id, { workspace: "other" }), "dead_letter_not_found"],
      ] as const)
        await expect(call()).rejects.toMatchObject({ code });
      expect((await read(letter)).resolvedAt).toBeNull();
      await run.cancel();
    });
  });
});
