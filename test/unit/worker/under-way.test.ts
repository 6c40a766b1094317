import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { IntentResult } from "../../../src/worker/intent.ts";
import { UnderWay } from "../../../src/worker/loops/under-way.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const keyOf = (ref: string): string => ref;

/** Answers at once, but for the runs that are stuck. */
function runs(...stuck: readonly string[]) {
  const asked: string[] = [];
  const answers = new Map<string, PromiseWithResolvers<IntentResult>>();
  const submit = (ref: string): Promise<IntentResult> => {
    asked.push(ref);
    if (!stuck.includes(ref)) return Promise.resolve(ref === "stale" ? "stale" : "applied");
    const answer = Promise.withResolvers<IntentResult>();
    answers.set(ref, answer);
    return answer.promise;
  };
  return { asked, answers, submit };
}

test("resolves with the number of those that were applied", async () => {
  const { submit } = runs();
  expect(await new UnderWay().ask(["a", "stale", "b"], { keyOf, submit })).toBe(2);
});

test("a run that does not answer holds nobody up, and is not asked again until it has answered", async () => {
  const underWay = new UnderWay();
  const { asked, answers, submit } = runs("stuck");
  const first = underWay.ask(["stuck", "a"], { keyOf, submit });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await first).toBe(1);
  // The next round does not even wait.
  expect(await underWay.ask(["stuck", "b"], { keyOf, submit })).toBe(1);
  expect(asked).toEqual(["stuck", "a", "b"]);
  answers.get("stuck")!.resolve("applied");
  await vi.advanceTimersByTimeAsync(0);
  const again = underWay.ask(["stuck"], { keyOf, submit });
  answers.get("stuck")!.resolve("applied");
  expect(await again).toBe(1);
});

test("an error reaches the loop", async () => {
  const submit = (): Promise<IntentResult> => Promise.reject(new Error("broken"));
  const underWay = new UnderWay();
  await expect(underWay.ask(["a"], { keyOf, submit })).rejects.toThrow("broken");
  await expect(underWay.ask(["a"], { keyOf, submit })).rejects.toThrow("broken");
});
