/** Fixed times in a document. */

/** A date alone is midnight UTC. A time without a zone is refused: it would mean another moment on every machine. */
const ISO_TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** The end of time as JavaScript counts it. */
const END_OF_TIME = 8.64e15;

/** Milliseconds since 1970 for an ISO 8601 time with a zone, a date, or milliseconds; `null` for anything else. */
export function parseTime(value: unknown): number | null {
  if (typeof value === "number") return Math.abs(value) <= END_OF_TIME ? value : null;
  if (typeof value !== "string" || !ISO_TIME.test(value)) return null;
  // JavaScript reads the 30th of February as a day in March.
  const day = new Date(`${value.slice(0, 10)}T00:00:00Z`).getUTCDate();
  if (day !== Number(value.slice(8, 10))) return null;
  const time = Date.parse(value);
  return Number.isNaN(time) ? null : time;
}
