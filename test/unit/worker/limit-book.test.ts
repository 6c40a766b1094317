/** The limits of workspaces as a process knows them: what it reads never takes back what was set here, nor what cannot be read anew. */
import { expect, test } from "vitest";
import { layerOf } from "../../../src/core/limits/workspace-limits.ts";
import type { LimitStore } from "../../../src/core/ports/limits.ts";
import { createMemoryStore } from "../../../src/testing.ts";
import { LimitBook } from "../../../src/worker/limit-book.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const rules = { plans: new Map(), base: layerOf({}, "all") };
const limited = (concurrency: number) => ({ workspace: "acme", plan: null, limits: { concurrency } });

test("limits that cannot be read stay as they were, also when all are read anew", async () => {
  const { limits } = createMemoryStore();
  const book = new LimitBook({ limits, rules, logger: silent });
  await limits.set(limited(5));
  await book.refresh();
  // Of a newer engine, say.
  await limits.set({ workspace: "acme", plan: null, limits: { rate: { limit: 1, per: "a fortnight" } } });
  for (let n = 0; n < 61; n++) await book.refresh();
  expect(book.of("acme").concurrency).toBe(5);
});

test("what was set here while the store was read holds at once, and goes on to hold", async () => {
  const { limits } = createMemoryStore();
  await limits.set(limited(5));
  let answer: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (answer = resolve));
  const slow: LimitStore["since"] = async (time) => {
    const read = await limits.since(time);
    await asked;
    return read;
  };
  for (const isFirst of [true, false]) {
    const book = new LimitBook({ limits: { ...limits, since: slow }, rules, logger: silent });
    if (!isFirst) {
      answer();
      await book.refresh();
    }
    const reading = book.refresh();
    book.put(limited(7));
    expect(book.of("acme").concurrency).toBe(7);
    answer();
    await reading;
    expect(book.of("acme").concurrency).toBe(7);
  }
});
