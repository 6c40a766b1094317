/** Who uses the queue: nothing is lost or counted twice, and those with the most work come first. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { QueuedGroup } from "../../../src/core/ports/statistics.ts";
import { queueUsers } from "../../../src/core/statistics/queue-users.ts";

const group: fc.Arbitrary<QueuedGroup> = fc.record({
  state: fc.constantFrom("ready", "queued", "running"),
  workspace: fc.constantFrom("a", "b", 'a","b'),
  workflow: fc.constantFrom("x", "y", "b"),
  version: fc.constantFrom(1, 2),
  node: fc.constantFrom("n", "m"),
  count: fc.integer({ min: 1, max: 9 }),
  held: fc.constant(0),
  since: fc.constant(null),
  runId: fc.constant(null),
});

test("versions and nodes of a workflow are one user, and states stay apart", () => {
  const one = { workspace: "a", workflow: "x", since: null, runId: null, held: 0 };
  expect(
    queueUsers(
      [
        { ...one, state: "ready", version: 1, node: "n", count: 2, held: 2, since: 400 },
        { ...one, state: "ready", version: 2, node: "m", count: 3, since: 700 },
        { ...one, state: "running", version: 2, node: "n", count: 1 },
        { ...one, workspace: "b", state: "queued", version: 1, node: "n", count: 7, since: 900 },
        { ...one, workspace: "b", state: "running", version: 1, node: "n", count: 3 },
      ],
      { most: 50, now: 1_000 },
    ),
  ).toEqual([
    { workspace: "b", workflow: "x", ready: 0, held: 0, queued: 7, running: 3, share: 0.75, waitingMs: 100 },
    { workspace: "a", workflow: "x", ready: 5, held: 2, queued: 0, running: 1, share: 0.25, waitingMs: 600 },
  ]);
});

test("every node run is counted once, the most first, and no more users than asked for", () => {
  fc.assert(
    fc.property(fc.array(group), fc.integer({ min: 1, max: 4 }), (groups, most) => {
      const all = queueUsers(groups, { most: 1_000, now: 0 });
      const work = all.map(({ ready, queued, running }) => ready + queued + running);
      expect(work.reduce((sum, each) => sum + each, 0)).toBe(
        groups.reduce((sum, each) => sum + each.count, 0),
      );
      expect(work).toEqual(work.toSorted((a, b) => b - a));
      expect(new Set(all.map(({ workspace, workflow }) => JSON.stringify([workspace, workflow]))).size).toBe(
        all.length,
      );
      expect(queueUsers(groups, { most, now: 0 })).toEqual(all.slice(0, most));
    }),
  );
});
