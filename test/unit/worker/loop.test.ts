import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Loop } from "../../../src/worker/loop.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A loop whose rounds end when the test says so. `random` 0.5: no jitter. */
function loopOf(nextMs = 1_000) {
  const rounds: PromiseWithResolvers<number>[] = [];
  const round = (): Promise<number> => {
    rounds.push(Promise.withResolvers<number>());
    return rounds.at(-1)!.promise;
  };
  const loop = new Loop({ name: "test", logger: silent, random: () => 0.5, round, errorMs: 200 });
  const end = async (): Promise<void> => {
    rounds.at(-1)!.resolve(nextMs);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { loop, rounds, end };
}

test("rounds follow each other after the time that the last one asked for", async () => {
  const { loop, rounds, end } = loopOf();
  loop.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(rounds).toHaveLength(1);
  await end();
  await vi.advanceTimersByTimeAsync(999);
  expect(rounds).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(rounds).toHaveLength(2);
});

test("a loop that is woken during a round does another one right after it, and goes on", async () => {
  const { loop, rounds, end } = loopOf();
  loop.start();
  await vi.advanceTimersByTimeAsync(0);
  loop.wakeIn(50);
  await vi.advanceTimersByTimeAsync(80);
  expect(rounds).toHaveLength(1);
  await end();
  expect(rounds).toHaveLength(2);
  await end();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(rounds).toHaveLength(3);
});

test("a wake-up that is due after the round keeps its time", async () => {
  const { loop, rounds, end } = loopOf();
  loop.start();
  await vi.advanceTimersByTimeAsync(0);
  loop.wakeIn(300);
  await vi.advanceTimersByTimeAsync(100);
  await end();
  await vi.advanceTimersByTimeAsync(199);
  expect(rounds).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(rounds).toHaveLength(2);
});

test("an earlier wake-up brings the next round forward, a later one changes nothing", async () => {
  const { loop, rounds, end } = loopOf();
  loop.start();
  await vi.advanceTimersByTimeAsync(0);
  await end();
  loop.wakeIn(5_000);
  loop.wakeIn(100);
  await vi.advanceTimersByTimeAsync(100);
  expect(rounds).toHaveLength(2);
});

test("a round that fails is followed by another one", async () => {
  const { loop, rounds } = loopOf();
  loop.start();
  await vi.advanceTimersByTimeAsync(0);
  rounds[0]!.reject(new Error("the store is away"));
  await vi.advanceTimersByTimeAsync(200);
  expect(rounds).toHaveLength(2);
});

test("stop waits for the round under way, and none follows", async () => {
  const { loop, rounds, end } = loopOf();
  loop.start();
  await vi.advanceTimersByTimeAsync(0);
  loop.wakeIn(10);
  await vi.advanceTimersByTimeAsync(10);
  let stopped = false;
  const stopping = loop.stop().then(() => (stopped = true));
  await vi.advanceTimersByTimeAsync(0);
  expect(stopped).toBe(false);
  await end();
  await stopping;
  loop.wakeIn(0);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(rounds).toHaveLength(1);
});
