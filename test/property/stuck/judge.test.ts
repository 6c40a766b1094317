import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { judgeWaiting, type WaitingKind, type WorkerRoom } from "../../../src/core/stuck/judge.ts";
import { returnMs, roundsWithin } from "../../../src/worker/retry-pause.ts";

const NEED = { lane: "slow", action: "ship" };
const ABLE: WorkerRoom = { lanes: ["default", "slow"], actions: ["charge", "ship"], running: 0 };

const startable = fc.constantFrom<WaitingKind>("ready", "queued", "lost", "map");
const workers = fc.array(
  fc.record({
    lanes: fc.subarray(["default", "slow"]),
    actions: fc.option(fc.subarray(["charge", "ship"])),
    running: fc.nat(3),
  }),
);
const isAble = ({ lanes, actions }: WorkerRoom): boolean =>
  lanes.includes("slow") && (actions === null || actions.includes("ship"));

describe("what is stuck", () => {
  test("whatever can start is stuck where no live worker could take it, and only then for that reason", () => {
    fc.assert(
      fc.property(startable, fc.boolean(), workers, (kind, isOld, all) => {
        const reason = judgeWaiting({ kind, isOld }, NEED, all);
        const isNobody = reason === "no_worker_for_lane" || reason === "no_worker_for_action";
        expect(isNobody).toBe(!all.some(isAble));
        if (reason === "no_worker_for_action")
          expect(all.some(({ lanes }) => lanes.includes("slow"))).toBe(true);
      }),
    );
  });

  test("what is young, or waits while workers that could take it work, is not", () => {
    fc.assert(
      fc.property(workers, (all) => {
        const with_ = [...all, ABLE];
        expect(judgeWaiting({ kind: "queued", isOld: false }, NEED, with_)).toBeNull();
        expect(judgeWaiting({ kind: "ready", isOld: false }, NEED, with_)).toBeNull();
        const busy = [...all, { ...ABLE, running: 1 }];
        expect(judgeWaiting({ kind: "queued", isOld: true }, NEED, busy)).toBeNull();
        expect(judgeWaiting({ kind: "map", isOld: true }, NEED, with_)).toBeNull();
      }),
    );
  });

  test.each([
    ["idle", "nothing_moves"],
    ["timer", "timer_late"],
    ["message", "message_unread"],
    ["ready", "not_queued"],
    ["queued", "not_taken"],
    ["lost", "lease_expired"],
  ] as const)("%s is %s", (kind, reason) => {
    expect(judgeWaiting({ kind, isOld: true }, NEED, [ABLE])).toBe(reason);
    // A wait or a condition needs no worker.
    if (kind !== "queued") expect(judgeWaiting({ kind, isOld: true }, null, [])).toBe(reason);
  });

  test("a worker that only maintains takes nothing, and one that does not tell its actions may have any", () => {
    const maintains: WorkerRoom = { ...ABLE, actions: [] };
    expect(judgeWaiting({ kind: "queued", isOld: true }, NEED, [maintains])).toBe("no_worker_for_lane");
    const silent: WorkerRoom = { ...ABLE, actions: null, running: 2 };
    expect(judgeWaiting({ kind: "queued", isOld: true }, NEED, [silent])).toBeNull();
  });
});

test("a task that nobody can take has gone round so often after that time, and not sooner", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_000, max: 3_600_000 }), (ms) => {
      const rounds = roundsWithin(ms);
      const slowest = Array.from({ length: rounds }, (_, n) =>
        returnMs({ dispatches: n + 1, having: 0, random: 1 }),
      );
      const all = slowest.reduce((sum, each) => sum + each, 0);
      expect(all).toBeGreaterThanOrEqual(ms);
      expect(all - slowest.at(-1)!).toBeLessThan(ms);
    }),
  );
});
