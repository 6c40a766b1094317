/** Regular expressions of users: RE2, which never backtracks, so that no pattern can block the process. */
import { RE2JS } from "@bufbuild/re2";

const MAX_PATTERN_CHARACTERS = 1_024;

export interface Pattern {
  /** Whether it occurs anywhere in the text. */
  test(text: string): boolean;
  /** Steps per character of a text at the most, about. RE2 is linear in this times the text's length. */
  readonly size: number;
}

/** `null` where RE2 does not know it (look-around and back references among others), or where it is longer than 1024 characters. */
export function compilePattern(source: string): Pattern | null {
  if (source.length > MAX_PATTERN_CHARACTERS) return null;
  try {
    const compiled = new RE2JS(source);
    return { test: (text) => compiled.test(text), size: sizeOf(source) };
  } catch {
    // RE2 says no more than that it cannot read the pattern, and the caller names the place.
    return null;
  }
}

/** RE2 writes `a{30}` out thirty times; repeated groups within each other multiply up to its own limit of 1000. */
function sizeOf(source: string): number {
  if (/\)\{/.test(source)) return source.length * 1_000;
  const repeats = source.match(/\{\d+(?:,\d*)?\}/g) ?? [];
  return repeats.reduce(
    (sum, repeat) => sum + Math.max(...repeat.slice(1, -1).split(",").map(Number)),
    source.length,
  );
}
