/** How soon the timer looks again: what sleeps must not wake a whole idle pause late as long as something falls due all the time. */
import { expect, test } from "vitest";
import type { NodeRef } from "../../../src/core/ports/store.ts";
import type { IntentResult } from "../../../src/worker/intent.ts";
import { timerRound } from "../../../src/worker/loops/timer.ts";

function pauseAfter(due: number, answer: IntentResult): Promise<number> {
  const refs = Array.from({ length: due }, (_, n): NodeRef => ({
    runId: `r${n}`,
    node: "w",
    item: -1,
    fence: 1,
  }));
  const store = { due: async (limit: number) => refs.slice(0, limit) };
  const table = { submitFor: () => Promise.resolve(answer) };
  return timerRound(store, table)();
}

test("at once after a full page, soon after one that moved something, and in peace where nothing is due", async () => {
  expect(await pauseAfter(5_000, "applied")).toBe(0);
  const soon = await pauseAfter(1, "applied");
  const idle = await pauseAfter(0, "applied");
  expect(soon).toBeGreaterThan(0);
  // Half as much again is what a loop's jitter makes of it at most.
  expect(soon * 1.5).toBeLessThan(200);
  expect(idle * 1.5).toBeLessThan(1_000);
  expect(idle).toBeGreaterThan(soon);
});

test("what does not move is no reason to hurry, however much of it is due", async () => {
  const idle = await pauseAfter(0, "stale");
  expect(await pauseAfter(1, "stale")).toBe(idle);
  expect(await pauseAfter(5_000, "stale")).toBe(idle);
});
