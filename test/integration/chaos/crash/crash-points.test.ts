/**
 * A worker process is stopped with `kill -9` at points of its conversation with its servers: before a write arrives, after it
 * is done and before its answer arrives, and right after the answer. Whatever the point: no run is lost, nothing that was
 * recorded happens again, and what happens again does so under the same idempotency key.
 *
 * An ordinary run of the suite takes points at random and prints their seed; `FLOWFORGE_SEED=<seed>` repeats them, and
 * `FLOWFORGE_CRASH_POINTS=all npx vitest run test/integration/chaos/crash` goes through every point there is.
 */
import { expect, test } from "vitest";
import { MOMENTS } from "../../../support/crash-proxy.ts";
import { seed } from "../../../support/properties.ts";
import { type BackendName, onEachBackend } from "../../engine/backends.ts";
import { type CrashPoint, rehearse, type Rehearsal } from "./rehearsal.ts";
import { doomedAttempts, windingAttempts, windingResult } from "./scenario.ts";

const RUNS = 6;
/** Rehearsals side by side: most of their time they wait for a lease. */
const SIDE_BY_SIDE = 6;
const IN_ORDINARY_RUN = 6;
const all = process.env["FLOWFORGE_CRASH_POINTS"] === "all";

onEachBackend(`crash points, seed ${seed}`, (name) => {
  test(
    "a worker that is stopped anywhere loses nothing and repeats nothing that was recorded",
    { timeout: 3_600_000 },
    async () => {
      const undisturbed = await rehearse(name, null, RUNS);
      check(undisturbed);
      expect(undisturbed.points.postgres).toBeGreaterThan(15);
      const points = pointsOf(name, undisturbed);
      let killed = 0;
      for (let next = 0; next < points.length; next += SIDE_BY_SIDE) {
        const some = points.slice(next, next + SIDE_BY_SIDE);
        const rehearsals = await Promise.all(some.map((point) => rehearse(name, point, RUNS)));
        rehearsals.forEach((rehearsal, index) => check(rehearsal, some[index]));
        killed += rehearsals.filter((rehearsal) => rehearsal.killed).length;
      }
      // A late point may not come, where more was written at once than in the undisturbed rehearsal.
      expect(killed).toBeGreaterThan(points.length / 2);
      console.info(`${name}: stopped at ${killed} of ${points.length} points`);
    },
  );
});

function pointsOf(name: BackendName, { points }: Rehearsal): readonly CrashPoint[] {
  const count = { postgres: points.postgres, redis: name === "postgres+redis" ? points.redis : 0 };
  const every = (["postgres", "redis"] as const).flatMap((server) =>
    Array.from({ length: count[server] }, (_, n) => n + 1).flatMap((point) =>
      MOMENTS.map((moment) => ({ server, point, moment })),
    ),
  );
  return all ? every : pick(every, IN_ORDINARY_RUN);
}

function pick<T>(from: readonly T[], amount: number): readonly T[] {
  let state = seed;
  const random = (): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  return Array.from({ length: amount }, () => from[Math.floor(random() * from.length)]!);
}

function check(rehearsal: Rehearsal, point?: CrashPoint): void {
  const at = point ? `stopped ${point.moment} ${point.server} ${point.point}: ` : "undisturbed: ";
  for (const { detail, end } of rehearsal.runs) {
    const { id, workflow } = detail.header;
    const isWinding = workflow === "winding";
    expect(end, `${at}end of ${id}`).toEqual(
      isWinding ? windingResult((detail.input as { n: number }).n) : "failed",
    );
    const expected = isWinding ? windingAttempts : doomedAttempts;
    checkExecutions({ rehearsal, at, runId: id, expected });
    // The attempts that the crash cut off are recorded too, and count for nothing.
    const own = detail.attempts.filter(({ error }) => error.class !== "lease_lost");
    const recorded = own.map(({ node, attempt }) => `${node} ${attempt}`).sort();
    expect(recorded, `${at}attempts of ${id}`).toEqual(
      isWinding ? ["refused 1", "right 1", "right 2"] : ["refused 1"],
    );
  }
}

interface Checked {
  readonly rehearsal: Rehearsal;
  readonly at: string;
  readonly runId: string;
  readonly expected: { readonly [node: string]: number };
}

function checkExecutions({ rehearsal, at, runId, expected }: Checked): void {
  const { executions, victim, endedBefore } = rehearsal;
  const own = executions.filter((each) => each.run_id === runId);
  for (const [node, attempts] of Object.entries(expected)) {
    const ofNode = own.filter((each) => each.node === node);
    expect(new Set(ofNode.map((each) => each.key)).size, `${at}keys of ${node}`).toBe(1);
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const pids = ofNode.filter((each) => each.attempt === attempt).map((each) => each.pid);
      expect(pids.length, `${at}attempt ${attempt} of ${node}`).toBeGreaterThanOrEqual(1);
      // Again only in the other process, and only where nothing had been recorded.
      expect(new Set(pids).size, `${at}attempt ${attempt} of ${node}`).toBe(pids.length);
      if (pids.length > 1) expect(rehearsal.killed, `${at}${node} ran twice`).toBe(true);
    }
    const later = ofNode.filter((each) => each.pid !== victim);
    if (endedBefore.has(`${runId} ${node}`) && rehearsal.killed)
      expect(later, `${at}${node} had ended before`).toEqual([]);
  }
}
