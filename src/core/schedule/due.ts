/** What becomes of a tick that is due: it is started, or passed over because it was missed. And what the next one is. */
import { parseDuration } from "../definition/duration.ts";
import type { ScheduleSource } from "../definition/document.ts";
import { lastTick, type Timing } from "./timing.ts";

/** A tick that is later than this was missed: no engine was there to see it. */
export const ON_TIME_MS = 60_000;

const DAY_MS = 24 * 60 * 60 * 1_000;

export interface DueTick {
  readonly source: ScheduleSource;
  readonly timing: Timing;
  /** The oldest tick that was neither started nor passed over. */
  readonly dueAt: number;
  readonly now: number;
  /** It was to be started, and has had to wait since: for the run before it, or because its start failed. */
  readonly held: boolean;
}

export interface TickDecision {
  /** The tick to start a run for; `null`: those up to `next` are passed over. */
  readonly start: number | null;
  /** The tick after that; `null`: the schedule is over. */
  readonly next: number | null;
}

export function decideTick(due: DueTick): TickDecision {
  const { source, timing, dueAt, now, held } = due;
  const { catchUp = "one" } = source;
  const jitterMs = durationOf(source.jitter, 0);
  const onTimeFrom = now - jitterMs - ON_TIME_MS;
  if (held || dueAt >= onTimeFrom) return { start: dueAt, next: timing.nextTick(dueAt) };
  // As far back as ticks are made up for.
  const windowFrom = now - durationOf(source.catchUpWindow, catchUp === "all" ? DAY_MS : Infinity);
  if (catchUp === "none" || dueAt < windowFrom) {
    const from = catchUp === "none" ? onTimeFrom : windowFrom;
    return { start: null, next: timing.nextTick(Math.max(dueAt, Math.ceil(from) - 1)) };
  }
  const start = catchUp === "all" ? dueAt : (lastTick(timing, dueAt, now - jitterMs) ?? dueAt);
  return { start, next: timing.nextTick(start) };
}

/** How much later than its tick the run of a tick is started. `part`: 0 to 1, the same whenever this tick is asked for. */
export function jitterOf({ jitter }: ScheduleSource, part: number): number {
  return Math.floor(durationOf(jitter, 0) * part);
}

function durationOf(value: string | number | undefined, otherwise: number): number {
  return value === undefined ? otherwise : parseDuration(value, "schedule");
}
