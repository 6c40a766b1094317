/** Allowances and the queue's room in one process: asked for together, kept to, and stood in for while a server is away. */
import { describe, expect, test } from "vitest";
import { layerOf, limitsInForce, type WorkspaceLimits } from "../../../src/core/limits/workspace-limits.ts";
import type { Buckets, TokenAsk } from "../../../src/core/ports/allowances.ts";
import { createMemoryStore } from "../../../src/testing.ts";
import { worker } from "../../../src/testing/store-contract/entries.ts";
import { Admission } from "../../../src/worker/admission/admission.ts";
import { QueueRoom } from "../../../src/worker/admission/queue-room.ts";
import { SecondBuckets } from "../../../src/worker/admission/second-buckets.ts";
import { LimitBook } from "../../../src/worker/limit-book.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function twoWorkers(limits: WorkspaceLimits) {
  const store = createMemoryStore();
  const rules = { plans: new Map(), base: layerOf(limits, "all") };
  const book = new LimitBook({ limits: store.limits, rules, logger: silent });
  const { buckets, places } = store;
  const made = [];
  for (const info of [worker(), worker()]) {
    await store.register(info);
    const admission = new Admission({ book, buckets, places, logger: silent, workers: () => 2 });
    admission.workAs(info.id);
    made.push(admission);
  }
  return { store, one: made[0]!, other: made[1]! };
}

describe("allowances", () => {
  test("of two workers are never more than the limit, whoever asks and how often", async () => {
    const { one, other } = await twoWorkers({ concurrency: 5 });
    for (let round = 0; round < 20; round++) {
      await Promise.all([one.ask("acme", 3), other.ask("acme", 3), one.report(), other.report()]);
      for (const each of [one, other])
        while (each.gauge("acme").mayBegin(false)) each.gauge("acme").begin(false);
      const running = one.gauge("acme").running + other.gauge("acme").running;
      expect(running).toBeLessThanOrEqual(5);
      one.gauge("acme").end(Math.min(2, one.gauge("acme").running));
    }
  });

  test("of the same moment are one call", async () => {
    const store = createMemoryStore();
    const calls: (readonly TokenAsk[])[] = [];
    const buckets: Buckets = {
      take: async (asks) => {
        calls.push(asks);
        return asks.map(() => ({ tokens: 1, waitMs: 0 }));
      },
    };
    const rules = { plans: new Map(), base: layerOf({ rate: { limit: 5 } }, "all") };
    const book = new LimitBook({ limits: store.limits, rules, logger: silent });
    const { places } = store;
    const admission = new Admission({ book, buckets, places, logger: silent, workers: () => 1 });
    admission.workAs("w");
    await Promise.all(["a", "b", "a", "c"].map((workspace) => admission.ask(workspace, 1)));
    expect(calls.map((asks) => asks.map(({ workspace }) => workspace))).toEqual([["a", "b", "c"]]);
    expect(admission.gauge("b").room).toBe(1);
  });

  test("that nobody can give do not reject: nothing begins, and it is tried again later", async () => {
    const away = { take: async () => Promise.reject(new Error("away")) };
    const { places, limits } = createMemoryStore();
    const rules = { plans: new Map(), base: layerOf({ rate: { limit: 5 } }, "all") };
    const book = new LimitBook({ limits, rules, logger: silent });
    const admission = new Admission({ book, buckets: away, places, logger: silent, workers: () => 1 });
    await admission.ask("acme", 1);
    expect([admission.gauge("acme").mayBegin(false), admission.gauge("acme").lacks(1)]).toEqual([
      false,
      false,
    ]);
  });
});

describe("room in the queue", () => {
  class Bench {
    now = 0;
    queued = 0;
    workers = 1;
    alone = false;
    limits: WorkspaceLimits = { queued: 10 };
    /** Of others than acme. */
    readonly others = new Map<string, number>();
    readonly weights: { [workspace: string]: number } = {};
    capacity = 0;
    readonly room = new QueueRoom({
      held: {
        queued: async () => {
          const counts = new Map(this.others);
          return this.queued > 0 ? counts.set("acme", this.queued) : counts;
        },
        capacity: async () => this.capacity,
      },
      concurrency: 20,
      book: {
        of: (workspace) =>
          limitsInForce([layerOf(this.limits, workspace), { weight: this.weights[workspace] ?? 1 }]),
      },
      workers: () => this.workers,
      alone: () => this.alone,
      now: () => this.now,
    });

    /** Hands over what there is room for, and says how many that were. */
    fill(): number {
      let count = 0;
      while (count < 100 && this.room.take("acme")) count++;
      this.queued += count;
      return count;
    }
  }

  test("is used up, and there again for what was taken or never handed over", async () => {
    const bench = new Bench();
    expect(bench.fill()).toBe(10);
    bench.room.leave("acme", 3);
    bench.queued -= 3;
    expect(bench.fill()).toBe(3);
    bench.room.undo("acme", 2);
    bench.queued -= 2;
    expect(bench.fill()).toBe(2);
    for (let round = 0; round < 3; round++) await bench.room.refresh();
    expect(bench.fill()).toBe(0);
    // Others took them.
    bench.queued = 4;
    for (let round = 0; round < 3; round++) await bench.room.refresh();
    expect(bench.fill()).toBe(6);
  });

  test("is shared among processes, and smaller where little may begin", async () => {
    const bench = new Bench();
    bench.workers = 4;
    expect(bench.fill()).toBe(3);
    bench.limits = { queued: 10, concurrency: 2 };
    bench.workers = 1;
    expect(bench.fill()).toBe(0);
    bench.limits = { queued: null };
    expect(bench.fill()).toBe(100);
  });

  test("is by default four times what the workers run at once, and once where it is shared by weight among those who have something there", async () => {
    const bench = new Bench();
    bench.limits = {};
    // Nobody has been asked yet: other workers are taken to be like this one.
    expect(bench.fill()).toBe(80);
    bench.queued = 0;
    bench.capacity = 24;
    for (let round = 0; round < 3; round++) await bench.room.refresh();
    expect(bench.fill()).toBe(96);
    bench.queued = 0;
    bench.capacity = 80;
    bench.queued = 0;
    bench.others.set("globex", 5);
    bench.weights.globex = 3;
    for (let round = 0; round < 3; round++) await bench.room.refresh();
    expect(bench.fill()).toBe(20);
    bench.queued = 0;
    bench.weights.globex = 1_000;
    for (let round = 0; round < 3; round++) await bench.room.refresh();
    expect(bench.fill()).toBe(4);
  });

  test("is what a backlog can hold, where one worker works for one workspace, and no longer when another one comes", async () => {
    const bench = new Bench();
    bench.limits = {};
    bench.alone = true;
    let taken = 0;
    while (bench.room.take("acme")) taken++;
    expect(taken).toBe(5_000);
    bench.queued = 100;
    bench.room.leave("acme", 5_000);
    for (let round = 0; round < 3; round++) await bench.room.refresh();
    expect(bench.fill()).toBe(100);
    bench.room.noteLine("globex");
    expect(bench.fill()).toBe(0);
  });

  test("is none while others stand in line, until nobody has seen them for a while", () => {
    const bench = new Bench();
    bench.room.noteLine("acme");
    expect([bench.room.hasLine("acme"), bench.fill()]).toEqual([true, 0]);
    expect(bench.room.take("other")).toBe(true);
    bench.now += 2_000;
    expect([bench.room.hasLine("acme"), bench.fill()]).toEqual([false, 10]);
  });
});

test("while the first buckets are away the second ones are asked, and the first again after a while", async () => {
  let isAway = true;
  const asked: string[] = [];
  let now = 0;
  const buckets = new SecondBuckets({
    first: {
      take: async () => {
        asked.push("first");
        if (isAway) throw new Error("away");
        return [];
      },
    },
    second: {
      take: async () => {
        asked.push("second");
        return [];
      },
    },
    logger: silent,
    now: () => now,
  });
  await buckets.take([]);
  await buckets.take([]);
  isAway = false;
  now = 5_001;
  await buckets.take([]);
  expect(asked).toEqual(["first", "second", "second", "first"]);
});
