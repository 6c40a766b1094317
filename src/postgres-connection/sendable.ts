/**
 * Values of a statement as PostgreSQL takes them. It refuses every text with NUL, whatever it is for, also one that is only looked for. Half of a
 * character goes out as U+FFFD, and so does NUL: what cannot be a name is not found, and a reason that somebody gave is stored. The columns of
 * a batch go out as they are: an entry that has such a name is refused.
 */
import { withoutNul } from "../core/storable.ts";

export function sendable(values: readonly unknown[]): unknown[] {
  return values.map((value) => {
    if (typeof value === "string") return withoutNul(value);
    return Array.isArray(value) ? sendable(value) : value;
  });
}
