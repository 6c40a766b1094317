/** The backlog: keeps what this worker will soon have room for, and hands everything else to the queue in time. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FairTurns } from "../../../src/core/limits/fair-turns.ts";
import type { Task } from "../../../src/core/ports/scheduler.ts";
import { Backlog } from "../../../src/worker/backlog.ts";
import { Slots } from "../../../src/worker/slots.ts";

function tasks(amount: number, prefix = "t"): Task[] {
  return Array.from({ length: amount }, (_, n) => ({
    runId: "r",
    node: `${prefix}${n}`,
    item: -1,
    fence: 0,
    dispatches: 0,
    lane: "default",
    workspace: "default",
    workflow: "w",
    version: 1,
    dispatchedAt: 0,
  }));
}

const names = (list: readonly Task[]): string[] => list.map(({ node }) => node);

class Bench {
  readonly slots: Slots;
  readonly claimed: Task[] = [];
  readonly sent: Task[] = [];
  readonly gone: Task[] = [];
  readonly held: Task[] = [];
  readonly rooms: { [workspace: string]: number } = {};
  readonly weights: { [workspace: string]: number } = {};
  workers = 1;
  readonly backlog: Backlog;

  constructor(places: number) {
    this.slots = new Slots(places);
    this.backlog = new Backlog({
      slots: this.slots,
      claim: async (task) => void this.claimed.push(task),
      send: (all) => void this.sent.push(...all),
      hold: (task) => void this.held.push(task),
      workers: () => this.workers,
      turns: new FairTurns(),
      gauge: (workspace) => ({
        room: this.rooms[workspace] ?? Infinity,
        weight: this.weights[workspace] ?? 1,
      }),
      onGone: (task) => void this.gone.push(task),
    });
    this.slots.onChange(() => this.backlog.drain());
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a worker that is alone", () => {
  test("claims in the order of arrival as places become free", () => {
    const bench = new Bench(2);
    bench.backlog.add(tasks(5));
    expect(names(bench.claimed)).toEqual(["t0", "t1"]);
    bench.slots.release("default");
    expect(names(bench.claimed)).toEqual(["t0", "t1", "t2"]);
    bench.slots.release("default", 2);
    expect(names(bench.claimed)).toEqual(["t0", "t1", "t2", "t3", "t4"]);
    expect(bench.sent).toEqual([]);
    expect(bench.backlog.size).toBe(0);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(60_000);
    expect(bench.sent).toEqual([]);
  });

  test("keeps them for a second, then they wait in line", () => {
    const bench = new Bench(1);
    bench.backlog.add(tasks(2, "a"));
    vi.advanceTimersByTime(600);
    bench.backlog.add(tasks(2, "b"));
    vi.advanceTimersByTime(399);
    expect(bench.held).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(names(bench.held)).toEqual(["a1"]);
    vi.advanceTimersByTime(600);
    expect(names(bench.held)).toEqual(["a1", "b0", "b1"]);
    expect([names(bench.claimed), bench.sent]).toEqual([["a0"], []]);
  });

  test("keeps 10,000 at most", () => {
    const bench = new Bench(1);
    bench.backlog.add(tasks(12_000));
    expect(bench.backlog.size + bench.claimed.length).toBe(10_000);
    expect(names(bench.sent)[0]).toBe("t10000");
    // Room for one came back when the first was claimed.
    for (let n = 0; n < 9_999; n++) bench.slots.release("default");
    expect(bench.claimed.length).toBe(10_000);
    expect(bench.claimed.at(-1)!.node).toBe("t9999");
  });
});

describe("a worker in company", () => {
  test("keeps its share, as many as it has places at most, and not for long", () => {
    const bench = new Bench(4);
    bench.workers = 2;
    bench.slots.take("default", 4);
    bench.backlog.add(tasks(6));
    expect(names(bench.sent)).toEqual(["t3", "t4", "t5"]);
    bench.backlog.add(tasks(6, "u"));
    expect(names(bench.sent).slice(3)).toEqual(["u1", "u2", "u3", "u4", "u5"]);
    vi.advanceTimersByTime(21);
    expect(names(bench.sent).slice(8)).toEqual(["t0", "t1", "t2", "u0"]);
    expect(bench.claimed).toEqual([]);
  });
});

test("what came from the queue and waits for room has it first", async () => {
  const bench = new Bench(1);
  bench.slots.take("default", 1);
  const fromQueue = bench.slots.acquire("default");
  bench.backlog.add(tasks(1));
  bench.slots.release("default");
  await fromQueue;
  expect(bench.claimed).toEqual([]);
  bench.slots.release("default");
  expect(names(bench.claimed)).toEqual(["t0"]);
});

test("closed, it gives everything to the queue, and so it does with what comes later", () => {
  const bench = new Bench(1);
  bench.slots.take("default", 1);
  bench.backlog.add(tasks(2, "a"));
  bench.backlog.close();
  bench.backlog.add(tasks(1, "b"));
  expect(names(bench.sent)).toEqual(["a0", "a1", "b0"]);
  bench.slots.release("default");
  expect(bench.claimed).toEqual([]);
});

describe("workspaces", () => {
  const of = (workspace: string, amount: number): Task[] =>
    tasks(amount, workspace).map((task) => ({ ...task, workspace }));
  const counts = (list: readonly Task[]): { readonly [workspace: string]: number } => {
    const found: { [workspace: string]: number } = {};
    for (const { workspace } of list) found[workspace] = (found[workspace] ?? 0) + 1;
    return found;
  };

  test("take turns by their weights, each in the order of arrival", () => {
    const bench = new Bench(1);
    bench.weights["b"] = 3;
    bench.backlog.add([...of("a", 50), ...of("b", 50)]);
    for (let n = 0; n < 39; n++) bench.slots.release("default");
    expect(counts(bench.claimed)).toEqual({ a: 10, b: 30 });
    const own = names(bench.claimed).filter((name) => name.startsWith("a"));
    expect(own).toEqual(own.map((_, n) => `a${n}`));
  });

  test("one that comes late is next", () => {
    const bench = new Bench(1);
    bench.backlog.add(of("flood", 500));
    for (let n = 0; n < 100; n++) bench.slots.release("default");
    bench.backlog.add(of("late", 1));
    bench.slots.release("default", 2);
    expect(counts(bench.claimed)["late"]).toBe(1);
  });

  test("without allowances others go first, and nobody waits for them", async () => {
    const bench = new Bench(4);
    bench.rooms["a"] = 1;
    bench.backlog.add([...of("a", 3), ...of("b", 2)]);
    expect(counts(bench.claimed)).toEqual({ a: 1, b: 2 });
    expect(bench.slots.free).toBe(1);
    // The claim has not begun anything.
    await Promise.resolve();
    await Promise.resolve();
    bench.backlog.drain();
    expect(counts(bench.claimed)).toEqual({ a: 2, b: 2 });
  });

  test("held ones are forgotten in time, and never go to the queue", () => {
    const bench = new Bench(1);
    bench.backlog.addHeld(of("a", 3));
    expect([bench.backlog.size, bench.backlog.held]).toEqual([2, 2]);
    vi.advanceTimersByTime(5_000);
    expect(names(bench.gone)).toEqual(["a1", "a2"]);
    expect(bench.sent).toEqual([]);
    bench.backlog.close();
    bench.backlog.addHeld(of("a", 1));
    expect(bench.gone).toHaveLength(3);
  });
});
