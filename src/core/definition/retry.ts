/** A retry policy with every default filled in. `resolveRetry` makes one from the levels that may name it. */
export interface RetryPolicy {
  /** Attempts made at once after the first. */
  readonly immediate: number;
  /** Pauses before the later attempts, in milliseconds. */
  readonly backoffMs: readonly number[];
}
