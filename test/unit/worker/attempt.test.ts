import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineAction, PermanentError, type Verification } from "../../../src/index.ts";
import { ActionRegistry } from "../../../src/actions/registry.ts";
import { VALUE_LIMITS } from "../../../src/core/values.ts";
import { Secrets } from "../../../src/security/redaction.ts";
import { Attempt, type Outcome } from "../../../src/worker/attempt.ts";

const logger = { debug() {}, info() {}, warn() {}, error() {} };
const run = { id: "r", workflow: "w", workspace: "default", version: 1 };
const context = {
  input: 1,
  attempt: 2,
  idempotencyKey: "k",
  step: () => Promise.reject(new Error("no store")),
  checkpoint: () => Promise.reject(new Error("no store")),
  redact: () => {},
  lastCheckpoint: () => Promise.resolve(null),
  fetch,
  connect: () => Promise.reject(new Error("unused")),
  publish: async () => expect.unreachable(),
  addJob: async () => expect.unreachable(),
  runCode: async () => expect.unreachable(),
  credential: async () => expect.unreachable(),
  logger,
  run,
  node: { id: "n", item: -1 },
};

describe("a verifiable action", () => {
  let ran = 0;
  let asked = 0;

  /** One attempt of an action whose `verify` does this. */
  async function attempt(
    verify: () => Verification<number> | Promise<Verification<number>>,
    { isFirst = false, timeoutMs = 5_000 } = {},
  ): Promise<Outcome> {
    ran = asked = 0;
    const action = defineAction({
      name: "charge",
      effect: "verifiable",
      output: z.number(),
      run: () => (ran += 1),
      verify: () => {
        asked += 1;
        return verify();
      },
    });
    const registered = new ActionRegistry([action]).get("charge")!;
    const limits = VALUE_LIMITS;
    const made = new Attempt({
      action: registered,
      context,
      timeoutMs,
      isFirst,
      graceMs: 1_000,
      limits,
      secrets: new Secrets(),
      now: () => 0,
    });
    return made.outcome;
  }

  test("is not verified before its first attempt", async () => {
    const outcome = await attempt(() => ({ outcome: "happened", output: 7 }), { isFirst: true });
    expect(outcome).toMatchObject({ type: "succeeded", output: 1 });
    expect([asked, ran]).toEqual([0, 1]);
  });

  test("that happened succeeds with what was found, and does not run", async () => {
    const outcome = await attempt(() => ({ outcome: "happened", output: 7 }));
    expect(outcome).toMatchObject({ type: "succeeded", output: 7 });
    expect([asked, ran]).toEqual([1, 0]);
  });

  test("that did not happen runs", async () => {
    const outcome = await attempt(() => Promise.resolve({ outcome: "didNotHappen" }));
    expect(outcome).toMatchObject({ type: "succeeded", output: 1 });
    expect([asked, ran]).toEqual([1, 1]);
  });

  test("of which nobody knows gives up for somebody to resolve", async () => {
    const unknown = {
      type: "failed",
      verdict: { type: "outcomeUnknown" },
      error: { class: "outcome_unknown" },
    };
    expect(await attempt(() => ({ outcome: "unknown" }))).toMatchObject(unknown);
    expect(ran).toBe(0);
    for (const answer of [undefined, null, {}, "happened", { outcome: true }])
      expect(await attempt(() => answer as never)).toMatchObject(unknown);
    const refused = (): never => {
      throw new PermanentError("no such account");
    };
    expect(await attempt(refused)).toMatchObject({
      ...unknown,
      error: { message: 'verify() of action "charge" failed: no such account' },
    });
    expect(ran).toBe(0);
  });

  test("whose verify fails is asked again, and has not run", async () => {
    const outcome = await attempt(() =>
      Promise.reject(Object.assign(new Error("reset"), { code: "ECONNRESET" })),
    );
    expect(outcome).toMatchObject({
      type: "failed",
      verdict: { type: "retry" },
      possiblyDuplicated: false,
      error: { class: "network", message: 'verify() of action "charge" failed: reset' },
    });
    expect(ran).toBe(0);
  });

  test("does not run where its time was up while it was verified", async () => {
    const answer = Promise.withResolvers<Verification<number>>();
    const outcome = await attempt(() => answer.promise, { timeoutMs: 5 });
    expect(outcome).toMatchObject({
      type: "failed",
      error: { class: "timeout" },
      verdict: { type: "retry" },
    });
    answer.resolve({ outcome: "didNotHappen" });
    await answer.promise;
    await Promise.resolve();
    expect(ran).toBe(0);
  });

  test("that happened with an output that its schema refuses fails for good", async () => {
    const outcome = await attempt(() => ({ outcome: "happened", output: "7" as never }));
    expect(outcome).toMatchObject({
      type: "failed",
      error: { class: "invalid_output" },
      verdict: { type: "permanent" },
    });
  });
});
