/** Limits in layers, as options, and as a process knows them. */
import { describe, expect, test } from "vitest";
import { layerOf, limitsInForce } from "../../../src/core/limits/workspace-limits.ts";
import { checkSetLimits, parseWorkspaces } from "../../../src/engine/workspace-limits.ts";
import { createEngine, type EngineOptions, FlowForgeError } from "../../../src/index.ts";
import { createMemoryStore } from "../../../src/testing.ts";
import { LimitBook } from "../../../src/worker/limit-book.ts";

function refusal(work: () => unknown): FlowForgeError {
  try {
    work();
  } catch (error) {
    if (FlowForgeError.is(error)) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

const NONE = {
  rate: null,
  concurrency: null,
  queued: null,
  weight: 1,
  starts: null,
  payloadBytes: null,
  storedRuns: null,
};

describe("layers", () => {
  test("nothing said: no limit but a share of the queue", () => {
    expect(limitsInForce([{}])).toEqual({ ...NONE, queued: "share" });
  });

  test("the nearest layer that says something of a field holds, and null says that there is no limit", () => {
    const own = layerOf({ concurrency: null, weight: 2 }, "acme");
    const plan = layerOf({ concurrency: 5, queued: null, rate: { limit: 600, per: "1m" } }, "plan");
    const base = layerOf({ concurrency: 1, queued: 7, weight: 9, rate: { limit: 1 } }, "base");
    const rate = { perSecond: 10, burst: 10 };
    expect(limitsInForce([own, plan, base])).toEqual({ ...NONE, rate, weight: 2 });
  });

  test.each([
    [{ limit: 100 }, { perSecond: 100, burst: 100 }],
    [
      { limit: 1, per: "10s" },
      { perSecond: 0.1, burst: 1 },
    ],
    [
      { limit: 90, per: 60_000, burst: 5 },
      { perSecond: 1.5, burst: 5 },
    ],
  ])("a rate of %o", (rate, expected) => {
    expect(layerOf({ rate }, "acme")).toEqual({ rate: expected });
  });
});

describe("options that are wrong", () => {
  test.each([
    [{ plans: { "a plan": {} } }, "plans.a plan", undefined],
    [{ plans: { pro: { concurency: 5 } } }, "workspaces.plans.pro", 'Did you mean "concurrency"?'],
    [{ plans: { pro: { concurrency: 0 } } }, "workspaces.plans.pro", undefined],
    [{ plans: { pro: { weight: 1.5 } } }, "workspaces.plans.pro", undefined],
    [{ plans: { pro: { rate: 100 } } }, "workspaces.plans.pro", undefined],
    [{ default: { rate: { limit: 1, per: "1ms" } } }, "rate.per of workspaces.default", undefined],
    [{ plans: { business: {} }, default: "busines" }, "workspaces.default", 'Did you mean "business"?'],
    [{ default: "pro" }, "workspaces.default", undefined],
    [{ plan: "pro" }, "plan", undefined],
  ])("%o", (workspaces, subject, next) => {
    const error = refusal(() => createEngine({ workspaces } as EngineOptions));
    expect(error.code).toBe("option_invalid");
    expect(error.subject).toContain(subject);
    if (next !== undefined) expect(error.next).toContain(next);
  });

  test.each([
    [{ plan: "gold" }, "option_invalid"],
    [{ rate: { limit: 5, per: "soon" } }, "duration_invalid"],
    [{ queued: -1 }, "option_invalid"],
    [{ rates: null }, "option_invalid"],
  ])("setLimits(%o)", (limits, code) => {
    const rules = parseWorkspaces({ plans: { pro: {} } });
    expect(refusal(() => checkSetLimits(limits as object, rules)).code).toBe(code);
  });
});

describe("the book of a process", () => {
  const silent = { debug() {}, info() {}, warn() {}, error() {} };

  function book(logger: object = {}) {
    const store = createMemoryStore();
    const rules = parseWorkspaces({ plans: { pro: { concurrency: 5 } }, default: { concurrency: 1 } });
    return { store, book: new LimitBook({ limits: store.limits, rules, logger: { ...silent, ...logger } }) };
  }

  test("a workspace has what was set for it, wherever that was, after the next look", async () => {
    const { store, book: limits } = book();
    await limits.refresh();
    await store.limits.set({ workspace: "acme", plan: "pro", limits: { weight: 3 } });
    expect(limits.of("acme")).toMatchObject({ concurrency: 1, weight: 1 });
    let told = 0;
    limits.onChange(() => told++);
    await limits.refresh();
    expect(limits.of("acme")).toMatchObject({ concurrency: 5, weight: 3 });
    expect(limits.of("beta")).toMatchObject({ concurrency: 1, weight: 1 });
    await store.limits.set({ workspace: "acme", plan: null, limits: {} });
    await limits.refresh();
    expect(limits.of("acme")).toMatchObject({ concurrency: 1, weight: 1 });
    expect(told).toBeGreaterThanOrEqual(2);
  });

  test("a plan that is not known here, or limits that cannot be read, leave the others alone", async () => {
    const lines: string[] = [];
    const note = (_: object, message: string): void => void lines.push(message);
    const { store, book: limits } = book({ warn: note, error: note });
    await store.limits.set({ workspace: "a", plan: "of tomorrow", limits: { weight: 2 } });
    await store.limits.set({ workspace: "b", plan: null, limits: { rate: { limit: 1, per: "soon" } } });
    await store.limits.set({ workspace: "c", plan: "pro", limits: {} });
    await limits.refresh();
    expect(limits.of("a")).toMatchObject({ concurrency: 1, weight: 2 });
    expect(limits.of("b")).toMatchObject({ concurrency: 1, rate: null });
    expect(limits.of("c")).toMatchObject({ concurrency: 5 });
    expect(lines).toHaveLength(2);
  });

  test("limits of a workspace that was deleted are forgotten with the next look at all", async () => {
    const { store, book: limits } = book();
    await store.limits.set({ workspace: "acme", plan: "pro", limits: {} });
    await limits.refresh();
    await store.workspaces.erase("acme", 100);
    for (let round = 0; round < 60; round++) await limits.refresh();
    expect(limits.of("acme")).toMatchObject({ concurrency: 1 });
  });
});
