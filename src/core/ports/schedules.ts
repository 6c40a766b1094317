/**
 * Schedules: where each trigger with a source of the type `schedule` stands in the series of its ticks. The triggers of the newest
 * versions say which schedules there are; what is kept here follows them (`unsynced`, `sync`, `prune`). Beside them there are those that
 * were set under a name (`set`), which no version makes and none takes away. A run of a tick has an id that is
 * made of the schedule and the tick, so a tick has one run whoever starts it, and `advance` may be lost and repeated.
 *
 * A named schedule of a disabled workflow sleeps: `prune` takes its `fireAt` away and leaves its `dueAt`, and once the workflow is enabled
 * `unsynced` lists it and `sync` gives it a tick that is still to come.
 * Part of `Store`; both stores pass the same rules.
 */
import type { ScheduleSource } from "../definition/document.ts";
import type { Json } from "../json.ts";

/** A schedule is known by its trigger, or within its workflow by its name. */
export interface SchedulePlace {
  readonly workspace: string;
  readonly workflow: string;
  /** Id of the trigger node; of a named schedule `@` and its name, which is no id of a node. */
  readonly node: string;
}

/** What the runs of a named schedule are started with. */
export interface ScheduledStart {
  /** Id of the trigger node. None: the manual trigger. */
  readonly trigger?: string;
  /** None: `{ firedAt }`, the time of the tick. */
  readonly input?: Json;
  readonly labels?: { readonly [name: string]: string };
}

export interface ScheduleRecord extends SchedulePlace {
  readonly source: ScheduleSource;
  /** `null`: it belongs to the trigger. */
  readonly starts: ScheduledStart | null;
  /** One more with every write: the compare-and-set counter. */
  readonly rev: number;
  readonly paused: boolean;
  /** The oldest tick that was neither started nor passed over; `null`: there is none left. */
  readonly dueAt: number | null;
  /** When that tick is looked at: its time and jitter, or later where it waits. `null`: never, or the schedule sleeps. */
  readonly fireAt: number | null;
  /** The tick was seen in time, and waits for the run before it. */
  readonly held: boolean;
  /** The run that was started last, and its tick. */
  readonly lastRun: string | null;
  readonly lastDueAt: number | null;
  /** Why the last tick could not be started; `null`: it was. */
  readonly lastError: string | null;
}

/** Of a trigger whose schedule is not there yet, or has another source; or a named schedule that sleeps, and need not any more. */
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

/** A named schedule as it is to be. */
export interface NamedSchedule extends SchedulePlace {
  readonly source: ScheduleSource;
  readonly starts: ScheduledStart;
}

/** A schedule that is due, and the version of the workflow that its trigger is of; for a named one the newest. */
export interface DueSchedule extends ScheduleRecord {
  readonly version: number;
}

export interface ScheduleStore {
  /** None of a disabled workflow. */
  unsynced(limit: number): Promise<{ readonly now: number; readonly triggers: readonly UnsyncedTrigger[] }>;
  /**
   * Makes a schedule, or gives it another source: then its ticks are new, and whether it is paused and what it started last stay.
   * Does nothing where the trigger has another source by now, or its workflow is disabled, and where the schedule has this one already.
   * A named schedule is woken where it sleeps, has this source and its workflow is enabled.
   */
  sync(trigger: UnsyncedTrigger, next: NextTick): Promise<void>;
  /**
   * Deletes schedules whose trigger is gone, and those of disabled workflows that are not paused: what falls due there meanwhile is
   * not made up for. Returns how many. Named ones of disabled workflows sleep from now on, unless they are paused.
   */
  prune(): Promise<number>;
  /**
   * Makes a named schedule, or changes the one that is there: with another source its ticks are new, else they stay, and whether it is
   * paused and what it started last stay in any case. What is there as it is to be stays untouched. `null`: there is no such workflow.
   */
  set(schedule: NamedSchedule, next: NextTick): Promise<ScheduleRecord | null>;
  /** Of named schedules only. `false`: there is none. */
  delete(place: SchedulePlace): Promise<boolean>;
  /**
   * Those that are not paused and whose `fireAt` has come, of enabled workflows; those of triggers only where the trigger has their source. The
   * earliest first.
   */
  due(limit: number): Promise<{ readonly now: number; readonly schedules: readonly DueSchedule[] }>;
  /** Where nobody has written to it since `rev`. `false`: somebody has, or it is gone. */
  advance(place: SchedulePlace, rev: number, change: ScheduleChange): Promise<boolean>;
  /** `null`: there is none. */
  get(place: SchedulePlace): Promise<ScheduleRecord | null>;
  /** Of a workspace, by workflow and node in the order of code points, after this one. */
  list(page: {
    readonly workspace: string;
    /** None: of all of them. */
    readonly workflow?: string;
    readonly after?: Pick<SchedulePlace, "workflow" | "node">;
    readonly limit: number;
  }): Promise<readonly ScheduleRecord[]>;
}
