/** Which entries are in the next batch. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Verdict } from "../../../src/core/ports/commit.ts";
import { CommitLines } from "../../../src/worker/commit-lines.ts";
import { Committer, type Submission } from "../../../src/worker/committer.ts";
import { holds, seed } from "../../support/properties.ts";

interface One {
  readonly workspace: string;
  readonly bytes: number;
  readonly n: number;
}

const ALL = { maxEntries: Infinity, maxBytes: Infinity };

describe(`lines of what waits for its commit (seed ${seed})`, () => {
  test("a workspace that came late is in the next batch, beside another one's thousands", () => {
    const lines = new CommitLines<One>();
    for (let n = 0; n < 10_000; n++) lines.push({ workspace: "flood", bytes: 1, n });
    lines.take({ maxEntries: 500, maxBytes: Infinity });
    lines.push({ workspace: "other", bytes: 1, n: 0 });
    const batch = lines.take({ maxEntries: 500, maxBytes: Infinity });
    expect(batch.filter(({ workspace }) => workspace === "other")).toHaveLength(1);
    expect([batch.length, lines.size]).toEqual([500, 9_001]);
  });

  test("one that is too large for every batch is one alone", () => {
    const lines = new CommitLines<One>();
    for (const bytes of [1, 99, 1]) lines.push({ workspace: "w", bytes, n: bytes });
    const sizes = [1, 2, 3].map(() =>
      lines.take({ maxEntries: 500, maxBytes: 10 }).map(({ bytes }) => bytes),
    );
    expect(sizes).toEqual([[1], [99], [1]]);
    expect(lines.take({ maxEntries: 500, maxBytes: 10 })).toEqual([]);
  });

  test("everything comes out once, of each workspace in its order, and no two differ by more than one in a batch", () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant("push" as const),
        workspace: fc.constantFrom("a", "b", "c"),
        many: fc.integer({ min: 1, max: 1_500 }),
      }),
      fc.record({ do: fc.constant("take" as const), maxEntries: fc.integer({ min: 1, max: 2_000 }) }),
    );
    holds(
      fc.array(step, { maxLength: 20 }),
      (steps) => {
        const lines = new CommitLines<One>();
        const waiting = new Map<string, number>();
        const next = new Map<string, number>();
        let n = 0;
        const check = (batch: readonly One[]): void => {
          const counts = new Map<string, number>();
          for (const { workspace, n: place } of batch) {
            expect(place).toBeGreaterThan(next.get(workspace) ?? -1);
            next.set(workspace, place);
            counts.set(workspace, (counts.get(workspace) ?? 0) + 1);
          }
          for (const [workspace, count] of waiting) {
            const got = counts.get(workspace) ?? 0;
            // Who got less than another had no more.
            if (got < Math.max(...counts.values()) - 1) expect(got).toBe(count);
            waiting.set(workspace, count - got);
          }
        };
        for (const one of steps) {
          if (one.do === "take") check(lines.take({ ...ALL, maxEntries: one.maxEntries }));
          else {
            const { workspace, many } = one;
            for (let i = 0; i < many; i++) lines.push({ workspace, bytes: 1, n: n++ });
            waiting.set(workspace, (waiting.get(workspace) ?? 0) + many);
          }
          expect(lines.size).toBe([...waiting.values()].reduce((sum, count) => sum + count, 0));
        }
        check(lines.take(ALL));
        expect([lines.size, [...waiting.values()].some((count) => count > 0)]).toEqual([0, false]);
      },
      100,
    );
  });
});

test("a committer answers another workspace's entry with the batch after the one in flight", async () => {
  const batches: number[] = [];
  const committed: Verdict = { type: "committed", seq: 1 } as Verdict;
  const store = {
    commit: async (entries: readonly unknown[]): Promise<Verdict[]> => {
      batches.push(entries.length);
      await new Promise(setImmediate);
      return entries.map(() => committed);
    },
  };
  const committer = new Committer(store, { maxEntries: 10, inFlight: 1 });
  const submission = (workspace: string): Submission => ({
    workspace,
    bytes: 1,
    entry: {} as Submission["entry"],
  });
  const flood = Array.from({ length: 100 }, () => committer.submit(submission("flood")));
  await flood[0];
  const before = batches.length;
  await committer.submit(submission("other"));
  expect(batches.length - before).toBeLessThanOrEqual(2);
  await Promise.all(flood);
  expect(batches.reduce((sum, size) => sum + size, 0)).toBe(101);
});
