/** One run that cannot be read (its rows are locked, its definition cannot be compiled) must not hold up the loops that serve all others. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { childrenRound } from "../../../src/worker/loops/children.ts";
import { LostTasks } from "../../../src/worker/loops/lost-tasks.ts";
import { reaperRound, type ReaperOptions } from "../../../src/worker/loops/reaper.ts";
import { sweeperRound, type SweeperOptions } from "../../../src/worker/loops/sweeper.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new Promise<never>(() => undefined);

/** What the round says when it has ended; it may wait for answers for two seconds. */
async function ended(round: Promise<number>): Promise<number> {
  let nextMs: number | null = null;
  void round.then((ms) => (nextMs = ms));
  await vi.advanceTimersByTimeAsync(2_000);
  expect(nextMs).not.toBeNull();
  return nextMs!;
}

const queued = { node: "a", item: -1, fence: 1, dispatches: 1, workspace: "acme", workflow: "w", version: 1 };
const queue = { checkEpoch: async () => true, depth: async () => ({ waiting: 0, oldest: null }) };

test("the sweeper goes on behind a map that nobody can look at", async () => {
  const revived: string[] = [];
  const resent: string[] = [];
  const options = {
    store: {
      unread: async () => [],
      idleMaps: async () => ["stuck", "a"].map((runId) => ({ runId, node: "m", fence: 1 })),
      lost: async () => [{ ...queued, runId: "lost", dispatchedAt: 0 }],
      now: async () => 10_000,
    },
    scheduler: queue,
    table: {
      plans: { peek: () => null, get: async () => null },
      maps: {
        revive: async ({ runId }: { runId: string }) => {
          revived.push(runId);
          if (runId === "stuck") await never;
        },
      },
      submit: async () => "applied",
      submitFor: async ({ runId }: { runId: string }) => (resent.push(runId), "applied"),
    },
    lanes: ["default"],
    onLost: () => undefined,
  };
  const round = sweeperRound(options as unknown as SweeperOptions);
  for (let n = 0; n < 2; n++) await ended(round());
  // What does not answer is not asked again, the others are.
  expect(revived).toEqual(["stuck", "a", "a"]);
  expect(resent).toEqual(["lost", "lost"]);
});

test("the reaper goes on behind items of a map that nobody can judge", async () => {
  const asked: string[] = [];
  const taken: string[] = [];
  const of = (runId: string, item: number) => ({ runId, node: "m", item, fence: 1 });
  const options = {
    store: { reap: async () => [of("stuck", 0), of("stuck", 1), of("a", 0), of("b", -1)] },
    table: {
      maps: {
        lost: async (refs: readonly { runId: string }[]) => {
          asked.push(refs[0]!.runId);
          return refs[0]!.runId === "stuck" ? never : refs.length;
        },
      },
      submitFor: async ({ runId }: { runId: string }) => (taken.push(runId), "applied"),
    },
    registry: { get: () => undefined },
    lease: { watch: { since: 0, until: 0 } },
    leaseMs: 10_000,
  };
  const round = reaperRound(options as unknown as ReaperOptions);
  for (let n = 0; n < 2; n++) await ended(round());
  expect(asked).toEqual(["stuck", "a", "a"]);
  expect(taken).toEqual(["b", "b"]);
});

test("parents are told behind the ends of children that nobody can take up, and not without a pause", async () => {
  const end = (runId: string, parent: string) => ({
    runId,
    seq: 1,
    parent: { runId: parent, node: "m", item: 0 },
  });
  const told: string[] = [];
  let rounds = 0;
  const round = childrenRound({
    store: {
      tellParents: async () => [`parent ${rounds++}`],
      itemChildEnds: async () => [end("x", "stuck"), end("y", "stuck"), end("z", "a")],
    } as never,
    ended: async (ends) => {
      const { runId } = ends[0]!.parent;
      told.push(`${runId} ${ends.length}`);
      if (runId === "stuck") await never;
    },
    look: (runId) => void told.push(runId),
    restedAt: () => -Infinity,
  });
  await ended(round());
  await ended(round());
  expect(told).toEqual(["parent 0", "stuck 2", "a 1", "parent 1", "a 1"]);
  const idle = childrenRound({
    store: { tellParents: async () => [], itemChildEnds: async () => [end("x", "stuck")] } as never,
    ended: () => never,
    look: () => undefined,
    restedAt: () => -Infinity,
  });
  for (let n = 0; n < 2; n++) expect(await ended(idle())).toBe(1_000);
});

test("tasks that were lost are found behind one whose definition cannot be compiled", async () => {
  const tasks = new LostTasks({
    store: {
      now: async () => 10_000,
      lost: async () =>
        ["bad", "good"].map((workflow) => ({ ...queued, runId: workflow, workflow, dispatchedAt: 0 })),
    },
    scheduler: queue as never,
    plans: {
      peek: () => undefined,
      get: async ({ workflow }) => {
        if (workflow === "bad") throw new Error("cannot be compiled");
        return null;
      },
    },
    lanes: ["default"],
  });
  expect((await tasks.find()).map(({ runId }) => runId)).toEqual(["bad", "good"]);
});
