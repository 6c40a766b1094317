/** What `schedules.set` is given, as a schedule: when it is due, and what its runs are started with. */
import type { Duration, ScheduleSource } from "../core/definition/document.ts";
import { parseDuration } from "../core/definition/duration.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { NamedSchedule } from "../core/ports/schedules.ts";
import { MAX_JITTER_MS, timingProblem } from "../core/schedule/timing.ts";
import type { SetScheduleOptions } from "./schedule-options.ts";

/** The options must fit their schema; that the input is one is not decided here. Throws `option_invalid` and `duration_invalid`. */
export function namedSchedule(options: SetScheduleOptions): Pick<NamedSchedule, "source" | "starts"> {
  const { trigger, input, labels, cron, timeZone, every, at, overlap, catchUp } = options;
  const { catchUpWindow, jitter } = options;
  for (const field of ["every", "catchUpWindow", "jitter"] as const) checkDuration(field, options[field]);
  const source = defined({
    type: "schedule",
    cron,
    timeZone,
    every,
    at: at instanceof Date ? textOf(at) : at,
    overlap,
    catchUp,
    catchUpWindow,
    jitter,
  } as const) as ScheduleSource;
  const problem = timingProblem(source);
  if (problem !== null) throw wrongTiming(problem);
  return { source, starts: defined({ trigger, input: input as Json | undefined, labels }) };
}

export function neverDue(name: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: `schedule "${name}" of schedules.set`,
    expected: "a time that is still to come",
    received: "one after which it is never due",
    next: "Nothing was stored. Give it a later time.",
  });
}

function checkDuration(field: "every" | "catchUpWindow" | "jitter", value: Duration | undefined): void {
  if (value === undefined) return;
  const ms = parseDuration(value, `option "${field}" of schedules.set`);
  if (field !== "jitter" || ms <= MAX_JITTER_MS) return;
  throw new FlowForgeError("option_invalid", {
    subject: 'option "jitter" of schedules.set',
    expected: "at most a day",
    received: String(value),
    next: "Use less.",
  });
}

function wrongTiming(problem: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: 'options "cron", "timeZone", "every" and "at" of schedules.set',
    received: problem.replace(/\.$/, ""),
    next: 'Use { cron: "0 9 * * 1-5", timeZone: "Europe/Berlin" }, { every: "15m" } or { at: "2027-03-01T09:00:00Z" }.',
  });
}

/** What is no time stays a text that is none. */
function textOf(time: Date): string {
  return Number.isNaN(time.getTime()) ? "an invalid Date" : time.toISOString();
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** As it is stored: JSON has no `undefined`. */
function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
