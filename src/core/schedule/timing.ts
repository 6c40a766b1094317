/**
 * When a schedule is due. Pure: the time is an argument, and the same question has the same answer in every process.
 *
 * Invariant: `nextTick(after)` depends on nothing but the timing and `after`, so the ticks of a schedule are one fixed series,
 * whoever asks and wherever in it the asking begins. `docs/reference/schedules.md` says what it is on nights when clocks change.
 */
import { Cron } from "croner";
import { parseDuration, tryParseDuration } from "../definition/duration.ts";
import type { Duration } from "../definition/document.ts";

/** Exactly one of `cron`, `every` and `at`. Times are milliseconds since 1970. */
export interface TimingFields {
  readonly cron?: string;
  readonly every?: Duration;
  readonly at?: string;
  readonly timeZone?: string;
}

export interface Timing {
  /** The first tick after this time; `null`: there is none. */
  nextTick(after: number): number | null;
}

export const MAX_JITTER_MS: number = 24 * 60 * 60 * 1_000;

/** Shorter intervals are work for a queue, not for a schedule. */
export const MIN_EVERY_MS = 1_000;

const NICKNAME = /^@(yearly|annually|monthly|weekly|daily|hourly)$/;
/** Five to seven parts, so that a date, which croner takes too, is no pattern. */
const PARTS = /^\S+(\s+\S+){4,6}$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;
const MAX_PATTERN = 256;
/** Every pattern that is ever due is due after this. */
const LONG_AGO = Date.UTC(2000, 0, 1);

/** What is wrong with the timing, as a sentence; `null`: nothing. */
export function timingProblem(fields: TimingFields): string | null {
  const given = (["cron", "every", "at"] as const).filter((field) => fields[field] !== undefined);
  if (given.length !== 1) return "A schedule has exactly one of `cron`, `every` and `at`.";
  if (fields.timeZone !== undefined) {
    if (fields.cron === undefined) return "A time zone belongs to `cron`: `every` and `at` need none.";
    if (!isTimeZone(fields.timeZone)) return `${quoted(fields.timeZone)} is not a time zone.`;
  }
  if (fields.cron !== undefined) return cronProblem(fields.cron, fields.timeZone);
  if (fields.at !== undefined && instantOf(fields.at) === null)
    return `${quoted(fields.at)} is not a point in time.`;
  const everyMs = fields.every === undefined ? MIN_EVERY_MS : tryParseDuration(fields.every);
  return everyMs === null || everyMs < MIN_EVERY_MS ? "An interval is at least one second." : null;
}

/** The fields must have no problem. */
export function timingOf({ cron, every, at, timeZone }: TimingFields): Timing {
  if (cron !== undefined) return cronTiming(cron, timeZone);
  if (every !== undefined) return everyTiming(parseDuration(every, "every"));
  const instant = instantOf(at ?? "");
  return { nextTick: (after) => (instant !== null && instant > after ? instant : null) };
}

/** The last tick in (`after`, `until`]; `null`: there is none. */
export function lastTick(timing: Timing, after: number, until: number): number | null {
  const isWithin = (tick: number | null): tick is number => tick !== null && tick <= until;
  let last = timing.nextTick(after);
  if (!isWithin(last)) return null;
  // Halves what is left: between two ticks may lie a second or four years.
  for (let end = until; last < end;) {
    const middle = Math.floor((last + end) / 2);
    const later = timing.nextTick(middle);
    if (isWithin(later)) {
      last = later;
      continue;
    }
    const next = timing.nextTick(last);
    if (!isWithin(next)) return last;
    end = middle;
    last = next;
  }
  return last;
}

/** Where it stands between two ticks depends on 1970 alone, not on who asks first or on a restart. */
function everyTiming(everyMs: number): Timing {
  return { nextTick: (after) => (Math.floor(after / everyMs) + 1) * everyMs };
}

function cronTiming(pattern: string, timeZone: string | undefined): Timing {
  const cron = compileCron(pattern, timeZone);
  return { nextTick: (after) => cron.nextRun(new Date(after))?.getTime() ?? null };
}

function cronProblem(pattern: string, timeZone: string | undefined): string | null {
  if (pattern.length > MAX_PATTERN || !(PARTS.test(pattern) || NICKNAME.test(pattern)))
    return `${quoted(pattern)} is not a cron pattern.`;
  try {
    if (compileCron(pattern, timeZone).nextRun(new Date(LONG_AGO)) === null)
      return `${quoted(pattern)} is never due.`;
    return null;
  } catch {
    return `${quoted(pattern)} is not a cron pattern.`;
  }
}

/** Paused and without a function: it computes, and sets no timer. */
function compileCron(pattern: string, timeZone = "UTC"): Cron {
  return new Cron(pattern, { timezone: timeZone, paused: true });
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function instantOf(text: string): number | null {
  const time = INSTANT.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? null : time;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
