/**
 * Retry policies. A policy may be given for a node, its action, its workflow and the engine; for each field the nearest level
 * that names it wins, and `DEFAULT_RETRY` is the last.
 */
import { FlowForgeError } from "../errors.ts";
import type { RetryDocument } from "./document.ts";
import { parseDuration } from "./duration.ts";

/** A retry policy with every default filled in. `resolveRetry` makes one from the levels that may name it. */
export interface RetryPolicy {
  /** Attempts made at once after the first. */
  readonly immediate: number;
  /** Pauses before the later attempts, in milliseconds. */
  readonly backoffMs: readonly number[];
}

/** Two attempts at once, then after 1 m, 5 m and 30 m: six attempts with the first. */
export const DEFAULT_RETRY: RetryPolicy = Object.freeze({
  immediate: 2,
  backoffMs: Object.freeze([60_000, 300_000, 1_800_000]),
});

export const RETRY_LIMITS: { readonly maxImmediate: number; readonly maxBackoff: number } = Object.freeze({
  maxImmediate: 10,
  maxBackoff: 20,
});

/** `levels` from the nearest (node) to the farthest (engine). A level or a field that is missing is left to the next one. */
export function resolveRetry(levels: readonly (Partial<RetryPolicy> | null | undefined)[]): RetryPolicy {
  const immediate = levels.find((level) => level?.immediate !== undefined)?.immediate;
  const backoffMs = levels.find((level) => level?.backoffMs !== undefined)?.backoffMs;
  return {
    immediate: immediate ?? DEFAULT_RETRY.immediate,
    backoffMs: backoffMs ?? DEFAULT_RETRY.backoffMs,
  };
}

/**
 * The policy that a document or an option gives; what it does not name stays open for the next level. `subject` names whose it
 * is, for messages. `{ immediate: 0, backoff: [] }` means: never again.
 *
 * Throws `FlowForgeError` with code `duration_invalid` for a pause that cannot be read, and `option_invalid` where `immediate` is
 * not a whole number from 0 to 10 or `backoff` has more than 20 pauses.
 */
export function parseRetry(retry: RetryDocument, subject = "retry policy"): Partial<RetryPolicy> {
  const { immediate, backoff } = retry;
  if (immediate !== undefined && !isImmediate(immediate)) {
    throw outOfRange(`${subject}, immediate`, {
      expected: `a whole number from 0 to ${RETRY_LIMITS.maxImmediate}`,
      received: String(immediate),
    });
  }
  if (backoff !== undefined && backoff.length > RETRY_LIMITS.maxBackoff) {
    throw outOfRange(`${subject}, backoff`, {
      expected: `at most ${RETRY_LIMITS.maxBackoff} pauses`,
      received: `${backoff.length} pauses`,
    });
  }
  return {
    ...(immediate === undefined ? {} : { immediate }),
    ...(backoff === undefined
      ? {}
      : { backoffMs: backoff.map((pause, index) => parseDuration(pause, `${subject}, backoff[${index}]`)) }),
  };
}

function isImmediate(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= RETRY_LIMITS.maxImmediate;
}

function outOfRange(
  subject: string,
  came: { readonly expected: string; readonly received: string },
): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject,
    ...came,
    next: "Use fewer attempts with longer pauses; a step that must be tried for weeks is better polled.",
  });
}
