/** Regular expressions of users: RE2, which never backtracks, so that no pattern can block the process. */
import { RE2JS } from "@bufbuild/re2";

const MAX_PATTERN_CHARACTERS = 1_024;
/** Compiling takes about half a microsecond for each of them. */
const MAX_SIZE = 20_000;
/** RE2's own limit of what repeats within each other may multiply to. */
const MAX_REPEATS = 1_000;
/** Up to about here RE2 walks through a text in one state after the other; beyond, it may be in all of them at once. */
const SMALL = 24;

export interface Pattern {
  /** Whether it occurs anywhere in the text. */
  test(text: string): boolean;
  /** At most about how much work that is, in units of about half a microsecond. Linear in the text. */
  costOf(text: string): number;
  /** Parts of the compiled pattern at the most, about. */
  readonly size: number;
}

/**
 * `null` where RE2 does not know it (look-around and back references among others), where it is longer than 1024 characters, or
 * where its repeats write it out to more than 20,000 parts.
 */
export function compilePattern(source: string): Pattern | null {
  if (source.length > MAX_PATTERN_CHARACTERS) return null;
  const size = sizeOf(source);
  if (size > MAX_SIZE) return null;
  try {
    const compiled = new RE2JS(source);
    const charactersPerUnit = size <= SMALL ? 50 : 5;
    return {
      size,
      test: (text) => compiled.test(text),
      costOf: (text) => (size * (text.length + 1)) / charactersPerUnit,
    };
  } catch {
    // RE2 says no more than that it cannot read the pattern, and the caller names the place.
    return null;
  }
}

/** RE2 writes `a{30}` out thirty times, and a group with all that is in it. What is no repeat but looks like one only adds. */
function sizeOf(source: string): number {
  let size = source.length;
  let groups = 1;
  for (const [, group, least, most] of source.matchAll(/(\)?)\{(\d+)(?:,(\d*))?\}/g)) {
    const times = Math.max(1, Number(least), Number(most ?? 0));
    if (group === ")") groups = Math.min(MAX_REPEATS, groups * times);
    else size += times;
  }
  return size * groups;
}
