/**
 * A worker process is stopped with `kill -9` at points of its conversation with its servers: before a write arrives, after it
 * is done and before its answer arrives, and right after the answer. Whatever the point: no run is lost, nothing that was
 * recorded happens again, and what happens again does so under the same idempotency key.
 *
 * An ordinary run of the suite takes points at random and prints their seed; `FLOWFORGE_SEED=<seed>` repeats them, and
 * `FLOWFORGE_CRASH_POINTS=all npx vitest run test/integration/chaos/crash` goes through every point there is (a number: so many).
 */
import { expect, test } from "vitest";
import type { RunDetail } from "../../../../src/index.ts";
import { MOMENTS } from "../../../support/crash-proxy.ts";
import { seed } from "../../../support/properties.ts";
import { type BackendName, onEachBackend } from "../../engine/backends.ts";
import { type CrashPoint, rehearse, RUNS_EACH, type Rehearsal } from "./rehearsal.ts";
import { BELOW, type Executions, LIMITED, WRITTEN } from "./scenario.ts";

/** Rehearsals side by side: most of their time they wait for a lease. */
const SIDE_BY_SIDE = 6;
const IN_ORDINARY_RUN = 4;
const asked = process.env["FLOWFORGE_CRASH_POINTS"];
const all = asked === "all";

onEachBackend(`crash points, seed ${seed}`, (name) => {
  test(
    "a worker that is stopped anywhere loses nothing and repeats nothing that was recorded",
    { timeout: 3_600_000 },
    async () => {
      const undisturbed = await rehearse(name, null);
      check(undisturbed);
      expect(undisturbed.points.postgres).toBeGreaterThan(15);
      const points = pointsOf(name, undisturbed);
      let killed = 0;
      for (let next = 0; next < points.length; next += SIDE_BY_SIDE) {
        const some = points.slice(next, next + SIDE_BY_SIDE);
        const rehearsals = await Promise.all(some.map((point) => rehearse(name, point)));
        rehearsals.forEach((rehearsal, index) => check(rehearsal, some[index]));
        killed += rehearsals.filter((rehearsal) => rehearsal.killed).length;
      }
      // A late point may not come, where more was written at once than in the undisturbed rehearsal.
      expect(killed).toBeGreaterThan(all ? points.length / 2 : 0);
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
  return all ? every : pick(every, Number(asked ?? IN_ORDINARY_RUN));
}

function pick<T>(from: readonly T[], amount: number): readonly T[] {
  let state = seed;
  const random = (): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  return Array.from({ length: amount }, () => from[Math.floor(random() * from.length)]!);
}

function check(rehearsal: Rehearsal, point?: CrashPoint): void {
  const where = point ? `stopped ${point.moment} ${point.server} ${point.point}` : "undisturbed";
  expect(rehearsal.atGates, `${where}: places that are left`).toEqual([]);
  checkTurns(rehearsal, where);
  checkChildren(rehearsal, where);
  for (const run of rehearsal.runs) {
    const { plot, n, detail, end } = run;
    const at = `${where}: ${plot.document.name} ${detail.header.id}`;
    expect(end, `${at}, its end`).toEqual(plot.end(n));
    const lines = rehearsal.ledger.filter((runId) => runId === detail.header.id);
    expect(lines, `${at}, its line`).toHaveLength(plot.document.name === WRITTEN ? 1 : 0);
    for (const [node, expected] of Object.entries(plot.executions))
      checkExecutions({ rehearsal, at: `${at}, ${node}`, detail, node, expected });
    // Attempts that the crash cut off, or that were told to stop, are recorded too, and count for nothing.
    const own = detail.attempts.filter(
      ({ node, error }) => error.class !== "lease_lost" && Array.isArray(plot.executions[node]),
    );
    const recorded = own.map(({ node, attempt }) => `${node} ${attempt}`).sort();
    expect(recorded, `${at}, its failed attempts`).toEqual(plot.failures);
  }
}

/** Of the runs that may only be under way one at a time. */
function checkTurns({ runs, executions }: Rehearsal, where: string): void {
  const own = runs.filter(({ plot }) => plot.document.name === LIMITED).map(({ detail }) => detail.header.id);
  const turns = executions.map((each) => each.run_id).filter((runId) => own.includes(runId));
  const begun = turns.filter((runId, n) => runId !== turns[n - 1]);
  expect(begun, `${where}: one after the other`).toEqual(own);
}

/** Each run above has started two, and each of these is one run, whoever started it. */
function checkChildren({ executions }: Rehearsal, where: string): void {
  const own = executions.filter(({ node }) => node === BELOW);
  for (const part of ["run_id", "key"] as const)
    expect(new Set(own.map((each) => each[part])).size, `${where}: children by ${part}`).toBe(2 * RUNS_EACH);
}

interface Checked {
  readonly rehearsal: Rehearsal;
  readonly at: string;
  readonly detail: RunDetail;
  readonly node: string;
  readonly expected: Executions;
}

function checkExecutions({ rehearsal, at, detail, node, expected }: Checked): void {
  const { executions, victim, endedBefore, killed } = rehearsal;
  const runId = detail.header.id;
  const own = executions.filter((each) => each.run_id === runId && each.node === node);
  const keys = [...new Set(own.map(({ key }) => key))];
  const attempts = keys.map(
    (key) => new Set(own.filter((each) => each.key === key).map(({ attempt }) => attempt)),
  );
  const counts = attempts.map(({ size }) => size);
  if (!("atMost" in expected)) expect(counts, `${at}: attempts for each key`).toEqual(expected);
  else for (const count of [keys.length, ...counts]) expect(count, at).toBeLessThanOrEqual(expected.atMost);
  // Again only in the other process, or where a busy machine cost a worker its lease of a second: that is on record.
  const distinct = new Set(own.map(({ key, attempt, pid }) => `${key} ${attempt} ${pid}`));
  const lost = lostLeases(detail, node);
  expect(own.length - distinct.size, `${at}: repeated by one process`).toBeLessThanOrEqual(lost);
  if (own.length > counts.reduce((sum, count) => sum + count, 0))
    expect(killed || lost > 0, `${at}: ran twice`).toBe(true);
  if (!killed || !endedBefore.has(`${runId} ${node}`) || keys.length > 1) return;
  expect(
    own.filter(({ pid }) => pid !== victim),
    `${at}: had ended before`,
  ).toEqual([]);
}

/** Attempts of a node, or of the node that a part belongs to, whose worker was lost. */
function lostLeases({ attempts }: RunDetail, node: string): number {
  const [whole = node] = node.split(/[/[]/);
  return attempts.filter((each) => each.node === whole && each.error.class === "lease_lost").length;
}
