/**
 * Ticks of schedules. Every process looks at what is due and starts it, without a leader: the run of a tick has an id that is made of the
 * schedule and the tick, so it is there once, and the schedule moves on by compare-and-set once it is. Whoever dies between the two, or is
 * late, does no harm: the next one finds the run, and moves the schedule on.
 */
import type { ScheduleSource } from "../core/definition/document.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import type {
  DueSchedule,
  NextTick,
  ScheduleChange,
  ScheduledStart,
  SchedulePlace,
} from "../core/ports/schedules.ts";
import type { Store } from "../core/ports/store.ts";
import { decideTick, jitterOf } from "../core/schedule/due.ts";
import { timingOf } from "../core/schedule/timing.ts";
import { DEFINITE } from "./child-opener.ts";
import type { Loader } from "./loader.ts";
import { isResting } from "./resting.ts";
import { tickRunId } from "./run-id.ts";

/** How soon a tick is looked at again that waits for the run before it, or could not be started. */
const AGAIN_MS = 1_000;
const FAILED_MS = 5_000;
const PAGE = 500;

export interface TickStart {
  readonly runId: string;
  readonly place: SchedulePlace;
  /** Of the workflow. None: the newest. */
  readonly version: number | undefined;
  /** Of a named schedule. */
  readonly starts: ScheduledStart | null;
  readonly dueAt: number;
}

/** What the engine does for ticks. */
export interface TickRuns {
  /** Does nothing where the run is there. Throws what `runs.start` throws. */
  start(tick: TickStart): Promise<void>;
  /** Does nothing where the run is at rest or gone. */
  cancel(run: { readonly runId: string; readonly workspace: string }): Promise<void>;
}

/** Ticks that were passed over: from this one on, to before `until`. */
export interface MissedTicks extends SchedulePlace {
  readonly from: number;
  /** The tick that is started now, or the next one; `null`: the schedule is over. */
  readonly until: number | null;
  readonly catchUp: "none" | "one" | "all";
}

export interface TicksOptions {
  readonly store: Pick<Store, "schedules">;
  readonly loader: Pick<Loader, "load">;
  readonly runs: TickRuns;
  readonly logger: Logger;
  readonly onMissed: (missed: MissedTicks) => void;
}

/** The first tick after this time. */
export function tickAfter(place: SchedulePlace, source: ScheduleSource, after: number): NextTick {
  return fireTime(place, source, timingOf(source).nextTick(after));
}

function fireTime(place: SchedulePlace, source: ScheduleSource, dueAt: number | null): NextTick {
  if (dueAt === null) return { dueAt, fireAt: null };
  // The id of its run is as good as a die, and everybody throws the same.
  const part = Number.parseInt(tickRunId(place, dueAt).slice(-8), 16) / 2 ** 32;
  return { dueAt, fireAt: dueAt + jitterOf(source, part) };
}

/** Makes the schedules those of the triggers: their first tick is the next one from now on. */
export async function syncSchedules(store: Pick<Store, "schedules">): Promise<void> {
  const { now, triggers } = await store.schedules.unsynced(PAGE);
  for (const trigger of triggers)
    await store.schedules.sync(trigger, tickAfter(trigger, trigger.source, now));
}

export class Ticks {
  readonly #options: TicksOptions;

  constructor(options: TicksOptions) {
    this.#options = options;
  }

  /** Does what is due of this schedule: at most one tick. `true`: the schedule moved on. */
  async fire(schedule: DueSchedule, now: number): Promise<boolean> {
    const { source, dueAt, held } = schedule;
    if (dueAt === null) return false;
    const timing = timingOf(source);
    const { start, next } = decideTick({ source, timing, dueAt, now, held });
    const moved = { ...fireTime(schedule, source, next), held: false };
    if (start === null) return this.#passOver(schedule, moved);
    const isBusy = (source.overlap ?? "allow") !== "allow" && (await this.#isBusy(schedule));
    if (isBusy && source.overlap === "skip") return this.#advance(schedule, moved);
    if (isBusy && source.overlap === "queue")
      return this.#advance(schedule, { dueAt: start, fireAt: now + AGAIN_MS, held: true });
    if (isBusy) await this.#cancelLast(schedule);
    const begun = await this.#start(schedule, start);
    // It was seen, however long it takes: `catchUp` is not for it.
    if (begun === "later")
      return this.#advance(schedule, { dueAt: start, fireAt: now + FAILED_MS, held: true });
    // Those behind one that waited for the run before it were seen in time as well.
    const isInLine = held && source.overlap === "queue" && next !== null && next <= now;
    const isMoved = await this.#advance(schedule, { ...moved, ...begun, held: isInLine });
    if (isMoved && start > dueAt) this.#missed(schedule, start);
    return isMoved;
  }

  async #passOver(schedule: DueSchedule, moved: NextTick & { readonly held: boolean }): Promise<boolean> {
    const isMoved = await this.#advance(schedule, moved);
    if (isMoved) this.#missed(schedule, moved.dueAt);
    return isMoved;
  }

  /** Told by who has moved the schedule on, and so once. */
  #missed({ workspace, workflow, node, source, dueAt }: DueSchedule, until: number | null): void {
    const { catchUp = "one" } = source;
    this.#options.onMissed({ workspace, workflow, node, from: dueAt!, until, catchUp });
  }

  async #start(
    schedule: DueSchedule,
    dueAt: number,
  ): Promise<"later" | Pick<ScheduleChange, "lastError"> | Partial<ScheduleChange>> {
    const { workspace, workflow, node, version, starts } = schedule;
    const place = { workspace, workflow, node };
    const runId = tickRunId(place, dueAt);
    try {
      await this.#options.runs.start({ runId, place, version, starts, dueAt });
      return { lastRun: runId, lastDueAt: dueAt, lastError: null };
    } catch (error) {
      const isDefinite = FlowForgeError.is(error) && DEFINITE.has(error.code);
      this.#options.logger.warn(
        { error, ...place, dueAt },
        isDefinite ? "the tick of a schedule was refused" : "a tick could not be started; it is tried again",
      );
      return isDefinite ? { lastError: error.message } : "later";
    }
  }

  async #isBusy({ lastRun }: DueSchedule): Promise<boolean> {
    if (lastRun === null) return false;
    const run = await this.#options.loader.load({ runId: lastRun, since: Number.MAX_SAFE_INTEGER });
    return run !== null && !isResting(run.header.status);
  }

  async #cancelLast({ lastRun, workspace }: DueSchedule): Promise<void> {
    if (lastRun !== null) await this.#options.runs.cancel({ runId: lastRun, workspace });
  }

  #advance(schedule: DueSchedule, change: Partial<ScheduleChange>): Promise<boolean> {
    return this.#options.store.schedules.advance(schedule, schedule.rev, changeOf(schedule, change));
  }
}

export function changeOf(schedule: ScheduleChange, change: Partial<ScheduleChange>): ScheduleChange {
  const { paused, dueAt, fireAt, held, lastRun, lastDueAt, lastError } = schedule;
  return { paused, dueAt, fireAt, held, lastRun, lastDueAt, lastError, ...change };
}
