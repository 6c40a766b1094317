/** A tick whose run cannot be started: it is tried again, or it is refused for good and the schedule goes on. */
import { expect, test } from "vitest";
import type { NamedSchedule, ScheduleRecord } from "../../../src/core/ports/schedules.ts";
import type { Logger } from "../../../src/core/ports/logger.ts";
import { FlowForgeError } from "../../../src/index.ts";
import { createMemoryStore } from "../../../src/testing/memory-store.ts";
import { tickerRound } from "../../../src/worker/loops/ticker.ts";
import { type MissedTicks, Ticks, type TickStart } from "../../../src/worker/ticks.ts";

const HOUR = 3_600_000;
const NOON = Date.UTC(2030, 0, 1, 12);
const PLACE = { workspace: "acme", workflow: "w", node: "@hourly" };
const HOURLY: NamedSchedule = { ...PLACE, source: { type: "schedule", every: "1h" }, starts: { input: 1 } };

const refused = new FlowForgeError("input_invalid", { subject: "the input", next: "Correct it." });
const away = new FlowForgeError("postgres_unreachable", { subject: "the store", next: "Wait." });

/** `answers`: of the starts, one after the other; then they succeed. */
async function scene(...answers: readonly Error[]) {
  return sceneOf(HOURLY.source, ...answers);
}

async function sceneOf(source: NamedSchedule["source"], ...answers: readonly Error[]) {
  const clock = { now: NOON };
  const store = createMemoryStore({ clock: { now: () => clock.now } });
  const document = { format: 1, name: "w", nodes: {}, edges: [] } as const;
  await store.saveWorkflow("acme", document, "c");
  await store.schedules.set({ ...HOURLY, source }, { dueAt: NOON, fireAt: NOON });
  const started: TickStart[] = [];
  const warnings: string[] = [];
  const silent = (): void => undefined;
  const logger: Logger = {
    debug: silent,
    info: silent,
    error: silent,
    warn: (_, text) => void warnings.push(text),
  };
  const start = async (tick: TickStart): Promise<void> => {
    const answer = answers[started.push(tick) - 1];
    if (answer) throw answer;
  };
  const loader = { load: async () => null };
  const missed: MissedTicks[] = [];
  const runs = { start, cancel: async () => undefined };
  const ticks = new Ticks({ store, loader, logger, runs, onMissed: (each) => void missed.push(each) });
  const round = tickerRound(store, ticks);
  const record = async (): Promise<ScheduleRecord> => (await store.schedules.get(PLACE))!;
  return { clock, started, missed, warnings, round, record };
}

test("a start that fails is tried again after some seconds, as the same run, and the schedule waits for it", async () => {
  const { clock, started, warnings, round, record } = await scene(away, away);
  await round();
  expect(await record()).toMatchObject({ dueAt: NOON, fireAt: NOON + 5_000, lastRun: null, lastError: null });
  await round();
  expect(started).toHaveLength(1);
  clock.now += 5_000;
  await round();
  clock.now += 5_000;
  await round();
  expect(started).toHaveLength(3);
  expect(new Set(started.map(({ runId }) => runId)).size).toBe(1);
  expect(started[0]).toMatchObject({ place: PLACE, version: 1, starts: { input: 1 }, dueAt: NOON });
  expect(await record()).toMatchObject({
    dueAt: NOON + HOUR,
    lastRun: started[0]!.runId,
    lastDueAt: NOON,
    lastError: null,
  });
  expect(warnings).toEqual(Array(2).fill("a tick could not be started; it is tried again"));
});

test("a start that fails for longer than a tick may be late is still that tick's, and those behind it are caught up with", async () => {
  const minutely = { type: "schedule", every: "1m", catchUp: "none" } as const;
  const { clock, started, round, record } = await sceneOf(minutely, ...Array<Error>(60).fill(away));
  for (let n = 0; n < 60; n++) {
    await round();
    clock.now += 5_000;
  }
  expect(new Set(started.map(({ dueAt }) => dueAt))).toEqual(new Set([NOON]));
  for (let n = 0; n < 5; n++) await round();
  // Of the five that were due meanwhile the last one is on time.
  expect(started.slice(60).map(({ dueAt }) => dueAt)).toEqual([NOON, NOON + 4 * 60_000, NOON + 5 * 60_000]);
  expect(await record()).toMatchObject({ dueAt: NOON + 6 * 60_000, held: false, lastError: null });
});

test("a start that is refused is not tried again; the reason is kept until a tick is started", async () => {
  const { clock, started, warnings, round, record } = await scene(refused);
  await round();
  expect(await record()).toMatchObject({
    dueAt: NOON + HOUR,
    lastRun: null,
    lastDueAt: null,
    lastError: refused.message,
  });
  expect(warnings).toEqual(["the tick of a schedule was refused"]);
  clock.now += HOUR;
  await round();
  expect(started).toHaveLength(2);
  expect(await record()).toMatchObject({ dueAt: NOON + 2 * HOUR, lastDueAt: NOON + HOUR, lastError: null });
});

test.each([
  // The tick of 15:00 is made up for, and the others are passed over.
  [{ catchUp: "one" }, 1, [{ from: NOON, until: NOON + 3 * HOUR, catchUp: "one" }]],
  [{ catchUp: "none" }, 0, [{ from: NOON, until: NOON + 4 * HOUR, catchUp: "none" }]],
  [{ catchUp: "all" }, 4, []],
  [{ catchUp: "all", catchUpWindow: "90m" }, 2, [{ from: NOON, until: NOON + 2 * HOUR, catchUp: "all" }]],
] as const)("ticks that are missed with %j are told once", async (how, starts, told) => {
  const { clock, started, missed, round, record } = await sceneOf({ ...HOURLY.source, ...how });
  clock.now += 3 * HOUR + 600_000;
  for (let n = 0; n < 6; n++) await round();
  expect(started).toHaveLength(starts);
  expect(missed).toEqual(told.map((each) => ({ ...PLACE, ...each })));
  expect((await record()).dueAt).toBe(NOON + 4 * HOUR);
});

test("a tick in time, and one that waited for its run to start, are not missed", async () => {
  const { clock, missed, round } = await scene(away);
  await round();
  clock.now += 3 * HOUR;
  await round();
  expect(missed.every(({ from }) => from > NOON)).toBe(true);
});
