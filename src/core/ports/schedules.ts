/**
 * Schedules: where each trigger with a source of the type `schedule` stands in the series of its ticks. The triggers of the newest
 * versions say which schedules there are; what is kept here follows them (`unsynced`, `sync`, `prune`). A run of a tick has an id that is
 * made of the schedule and the tick, so a tick has one run whoever starts it, and `advance` may be lost and repeated.
 * Part of `Store`; both stores pass the same rules.
 */
import type { ScheduleSource } from "../definition/document.ts";

/** A schedule is known by its trigger. */
export interface SchedulePlace {
  readonly workspace: string;
  readonly workflow: string;
  /** Id of the trigger node. */
  readonly node: string;
}

export interface ScheduleRecord extends SchedulePlace {
  readonly source: ScheduleSource;
  /** One more with every write: the compare-and-set counter. */
  readonly rev: number;
  readonly paused: boolean;
  /** The oldest tick that was neither started nor passed over; `null`: there is none left. */
  readonly dueAt: number | null;
  /** When that tick is looked at: its time and jitter, or later where it waits. */
  readonly fireAt: number | null;
  /** The tick was seen in time, and waits for the run before it. */
  readonly held: boolean;
  /** The run that was started last, and its tick. */
  readonly lastRun: string | null;
  readonly lastDueAt: number | null;
  /** Why the last tick could not be started; `null`: it was. */
  readonly lastError: string | null;
}

/** Of a trigger whose schedule is not there yet, or has another source. */
export interface UnsyncedTrigger extends SchedulePlace {
  readonly source: ScheduleSource;
}

export interface NextTick {
  readonly dueAt: number | null;
  readonly fireAt: number | null;
}

export type ScheduleChange = Pick<
  ScheduleRecord,
  "paused" | "dueAt" | "fireAt" | "held" | "lastRun" | "lastDueAt" | "lastError"
>;

/** A schedule that is due, and the version of the workflow that its trigger is of. */
export interface DueSchedule extends ScheduleRecord {
  readonly version: number;
}

export interface ScheduleStore {
  /** None of a disabled workflow. */
  unsynced(limit: number): Promise<{ readonly now: number; readonly triggers: readonly UnsyncedTrigger[] }>;
  /**
   * Makes a schedule, or gives it another source: then its ticks are new, and whether it is paused and what it started last stay.
   * Does nothing where the trigger has another source by now, or its workflow is disabled, and where the schedule has this one already.
   */
  sync(trigger: UnsyncedTrigger, next: NextTick): Promise<void>;
  /**
   * Deletes schedules whose trigger is gone, and those of disabled workflows that are not paused: what falls due there meanwhile is
   * not made up for. Returns how many.
   */
  prune(): Promise<number>;
  /** Those that are not paused and whose `fireAt` has come, with a trigger of an enabled workflow that has their source; the earliest first. */
  due(limit: number): Promise<{ readonly now: number; readonly schedules: readonly DueSchedule[] }>;
  /** Where nobody has written to it since `rev`. `false`: somebody has, or it is gone. */
  advance(place: SchedulePlace, rev: number, change: ScheduleChange): Promise<boolean>;
  /** `null`: there is none. */
  get(place: SchedulePlace): Promise<ScheduleRecord | null>;
  /** Of a workspace, by workflow and node in the order of code points, after this one. */
  list(page: {
    readonly workspace: string;
    readonly after?: Pick<SchedulePlace, "workflow" | "node">;
    readonly limit: number;
  }): Promise<readonly ScheduleRecord[]>;
}
