/** Parts of long actions: what is remembered, and what is refused. */
import { expect, test } from "vitest";
import { FlowForgeError } from "../../../src/core/errors.ts";
import type { Json } from "../../../src/core/json.ts";
import { PermanentError } from "../../../src/core/run/failures.ts";
import { memoParts } from "../../../src/worker/memos.ts";

const ref = { runId: "r", node: "a", item: -1, fence: 2, generation: 0 };

/** A store of one node run that fails so many times first. */
function bench({ failures = 0, isOwned = true, fence = 2 } = {}) {
  const memos = new Map<string, Json>();
  let left = failures;
  const calls: string[] = [];
  const ask = <T>(call: string, answer: () => T): Promise<T> => {
    calls.push(call);
    if (left-- > 0) return Promise.reject(new Error("away"));
    return Promise.resolve(answer());
  };
  const store = {
    memos: () => ask("memos", () => new Map(memos)),
    saveMemo: (_: unknown, name: string, value: Json) =>
      ask(`save ${name}`, () => {
        if (isOwned) memos.set(name, value);
        return isOwned;
      }),
  };
  const limits = { maxBytes: 1_024, maxDepth: 8, childDepth: 10, runBytes: 3_000 };
  const attempt = () =>
    memoParts({
      store,
      limits,
      ref: { ...ref, fence },
      redact: (value) => value,
      pause: () => Promise.resolve(),
      stopped: () => false,
    });
  return { attempt, calls, memos };
}

test("a part that is done is not run again by a later attempt; one that failed is", async () => {
  const { attempt } = bench();
  const ran: string[] = [];
  const parts = async (fails: boolean) => {
    const { step } = attempt();
    const one = await step("one", () => ({ n: ran.push("one") }));
    return step("two", () => {
      ran.push("two");
      if (fails) throw new Error("boom");
      return one.n + 1;
    });
  };
  await expect(parts(true)).rejects.toThrow("boom");
  expect(await parts(false)).toBe(2);
  expect(await parts(false)).toBe(2);
  expect(ran).toEqual(["one", "two", "two"]);
});

test("nothing is `null`, in the first attempt and in the next", async () => {
  const { attempt } = bench();
  expect([await attempt().step("x", () => undefined), await attempt().step("x", () => 1)]).toEqual([
    null,
    null,
  ]);
});

test("a checkpoint is the last one, of this attempt or the one before", async () => {
  const { attempt } = bench();
  const [first, second] = [attempt(), attempt()];
  expect(await first.lastCheckpoint()).toBeNull();
  await first.checkpoint({ id: 1 });
  await first.checkpoint({ id: 2 });
  expect([await first.lastCheckpoint(), await second.lastCheckpoint()]).toEqual([{ id: 2 }, { id: 2 }]);
});

test("an action without steps asks the store nothing, and the first attempt reads nothing", async () => {
  const { attempt, calls } = bench({ fence: 1 });
  attempt();
  expect(calls).toEqual([]);
  await attempt().step("x", () => 1);
  expect(calls).toEqual(["save x"]);
});

test("a store that is away for a moment loses no part", async () => {
  const { attempt, calls, memos } = bench({ failures: 3, fence: 1 });
  let runs = 0;
  expect(await attempt().step("x", () => ++runs)).toBe(1);
  expect([memos.get("x"), runs, calls.length]).toEqual([1, 1, 4]);
});

test("an attempt that lost its node run is told so", async () => {
  const { attempt } = bench({ isOwned: false });
  for (const call of [attempt().step("x", () => 1), attempt().checkpoint(1)]) {
    await expect(call).rejects.toMatchObject({ code: "attempt_outdated" });
  }
});

test("what one node run stores has a limit, over its attempts; a checkpoint counts once", async () => {
  const { attempt } = bench();
  const kibibyte = "x".repeat(1_000);
  const first = attempt();
  for (let n = 0; n < 10; n++) await first.checkpoint(kibibyte);
  await first.step("one", () => kibibyte);
  await expect(first.step("two", () => kibibyte)).rejects.toMatchObject({ cause: { code: "run_too_large" } });
  const second = attempt();
  expect(await second.step("one", () => "again")).toBe(kibibyte);
  const error: unknown = await second.step("two", () => kibibyte).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(PermanentError);
  expect((error as Error).message).toContain("2004 of at most 3000 (limits.runBytes)");
  await second.checkpoint(null);
  expect(await second.step("three", () => kibibyte)).toBe(kibibyte);
});

test.each<[string, (at: ReturnType<ReturnType<typeof bench>["attempt"]>) => Promise<unknown>]>([
  ["step_duplicate", (at) => at.step("x", () => 1).then(() => at.step("x", () => 1))],
  ["step_duplicate", (at) => Promise.all([at.step("x", () => 1), at.step("x", () => 2)])],
  ["option_invalid", (at) => at.step("", () => 1)],
  ["option_invalid", (at) => at.step("x".repeat(201), () => 1)],
  ["option_invalid", (at) => at.step("a\nb", () => 1)],
  ["option_invalid", (at) => at.step(7 as never, () => 1)],
  ["value_invalid", (at) => at.step("x", () => ({ at: new Date() }))],
  ["value_invalid", (at) => at.checkpoint("x".repeat(2_000))],
])("%s fails the action for good: %s", async (code, call) => {
  const error: unknown = await call(bench().attempt()).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(PermanentError);
  expect((error as Error).cause).toMatchObject({ code });
  expect((error as Error).cause).toBeInstanceOf(FlowForgeError);
});
