/** The steps of a series: which are asked for, and into which one each count falls. */
import { addCounts, type Counts, newTally, type Tally } from "./counts.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
/** Counts by the minute are kept this long, and by the hour this long. */
export const KEEP_MINUTES_MS: number = 72 * HOUR_MS;
export const KEEP_HOURS_MS: number = 400 * 24 * HOUR_MS;
export const MAX_STEPS = 1_000;

const STEPS = [1, 5, 15, 60, 180, 360, 1_440, 10_080].map((minutes) => minutes * MINUTE_MS);
/** About as many as a chart shows. */
const WANTED_STEPS = 100;

/** Whole steps, counted from 1970 in UTC: from `since` on and before `until`. */
export interface Span {
  readonly since: number;
  readonly until: number;
  readonly stepMs: number;
}

export interface CountsAt extends Counts {
  /** When their minute or hour began. */
  readonly at: number;
}

/** The shortest one with which a chart is not crowded. */
export function stepFor(lengthMs: number): number {
  return (
    STEPS.find((step) => lengthMs / step <= WANTED_STEPS) ??
    Math.ceil(lengthMs / MAX_STEPS / STEPS.at(-1)!) * STEPS.at(-1)!
  );
}

/** The steps that this time touches. */
export function wholeSteps(since: number, until: number, stepMs: number): Span {
  const first = Math.floor(since / stepMs) * stepMs;
  return { since: first, until: Math.max(first + stepMs, Math.ceil(until / stepMs) * stepMs), stepMs };
}

export function unitOf({ stepMs }: Span): number {
  return stepMs % HOUR_MS === 0 ? HOUR_MS : MINUTE_MS;
}

/** One tally for each step, also where nothing was counted. */
export function intoSteps({ since, until, stepMs }: Span, counted: readonly CountsAt[]): readonly Tally[] {
  const steps = Array.from({ length: Math.round((until - since) / stepMs) }, newTally);
  for (const counts of counted) {
    const step = steps[Math.floor((counts.at - since) / stepMs)];
    if (step) addCounts(step, counts);
  }
  return steps;
}

export function sum(counted: readonly Counts[]): Tally {
  const all = newTally();
  for (const counts of counted) addCounts(all, counts);
  return all;
}
