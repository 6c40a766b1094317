/** Pages of lists for people: the limit, the cursor, and what is said where they are none. */
import { FlowForgeError } from "../core/errors.ts";

const MAX_LIMIT = 1_000;

/** Throws `option_invalid`. */
export function checkedLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw invalidOption("limit", `a whole number from 1 to ${MAX_LIMIT}`, String(limit));
}

/** Where a page ended: the time that the list is ordered by, and the id. */
export interface Position {
  readonly at: number;
  readonly id: string;
}

export function writeCursor({ at, id }: Position): string {
  return Buffer.from(`${at} ${id}`).toString("base64url");
}

/** Throws `option_invalid`. */
export function readCursor(cursor: string, isId: (id: string) => boolean): Position {
  const [time, id, ...more] = Buffer.from(cursor, "base64url").toString().split(" ");
  const at = Number(time);
  if (time && Number.isSafeInteger(at) && id && isId(id) && more.length === 0) return { at, id };
  throw invalidOption("cursor", "the cursor of the page before", cursor);
}

function invalidOption(option: string, expected: string, received: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: `option "${option}"`,
    expected,
    received: JSON.stringify(received.slice(0, 80)),
    next: "Correct it and ask again.",
  });
}
