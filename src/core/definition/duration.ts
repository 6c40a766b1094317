/** Durations as people write them: `500ms`, `30s`, `5m`, `2h`, `3d`, or milliseconds as a number. */
import { FlowForgeError } from "../errors.ts";
import type { Duration } from "./document.ts";

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Ten years. Longer is a slip of units, and would leave the range of the database's intervals one day. */
export const MAX_DURATION_MS: number = 3_650 * UNIT_MS.d;

const TEXT = /^(\d{1,15})(ms|s|m|h|d)$/;
const SHOWN_CHARACTERS = 40;

/**
 * Milliseconds of a duration, `null` where it cannot be read. Accepts whole numbers from 0 to ten years; a unit belongs to
 * every text (`"30"` alone is refused, because nobody can tell seconds from milliseconds).
 */
export function tryParseDuration(value: unknown): number | null {
  if (typeof value === "number") return isInRange(value) ? value : null;
  if (typeof value !== "string") return null;
  const parts = TEXT.exec(value);
  if (parts === null) return null;
  const ms = Number(parts[1]) * UNIT_MS[parts[2] as keyof typeof UNIT_MS];
  return isInRange(ms) ? ms : null;
}

/**
 * Milliseconds of a duration. `subject` names what it is for, as it shall stand in the message: `node "charge" timeout`.
 *
 * Throws `FlowForgeError` with code `duration_invalid`.
 */
export function parseDuration(value: Duration, subject: string): number {
  const ms = tryParseDuration(value);
  if (ms !== null) return ms;
  throw new FlowForgeError("duration_invalid", {
    subject,
    expected: DURATION_EXPECTED,
    received: describe(value),
    next: 'Write it as a whole number with a unit, such as "90s" for a minute and a half.',
  });
}

/** The form of a duration as a part of a sentence. */
export const DURATION_EXPECTED: string =
  "500ms, 30s, 5m, 2h, 3d or a whole number of milliseconds, from 0 to 3650d";

function isInRange(ms: number): boolean {
  return Number.isInteger(ms) && ms >= 0 && ms <= MAX_DURATION_MS;
}

function describe(value: unknown): string {
  if (typeof value !== "string") return typeof value === "number" ? String(value) : typeof value;
  return JSON.stringify(value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}...` : value);
}
