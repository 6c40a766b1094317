import { FlowForgeError } from "../core/errors.ts";
import { parseTime } from "../core/graph/until.ts";

/** A point in time: a `Date`, ISO 8601 text with a zone (or a date alone, midnight UTC), or milliseconds since 1970. */
export type TimeInput = Date | string | number;

/** Whole milliseconds since 1970, rounded up; `undefined` for none. Throws `option_invalid` for what is no time. */
export function startTime(at: TimeInput | undefined, call: string): number | undefined {
  if (at === undefined) return undefined;
  const time = parseTime(at instanceof Date ? at.getTime() : at);
  if (time !== null) return Math.ceil(time);
  throw new FlowForgeError("option_invalid", {
    subject: `option "at" of ${call}`,
    expected: "a time: a Date, ISO 8601 text with a zone, or milliseconds since 1970",
    received: at instanceof Date ? "an invalid Date" : (JSON.stringify(at)?.slice(0, 80) ?? typeof at),
    next: "Write it like 2030-01-31T09:00:00Z, or leave it out to start at once.",
  });
}
