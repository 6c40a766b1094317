/** Idempotency keys of starts, as the store keeps them. A start takes its key in the commit that stores its run. */

/** How long an idempotency key is kept after the end of what it stands for: 30 days. */
export const KEY_KEEP_MS: number = 30 * 24 * 60 * 60 * 1_000;

/** Under what a start is known: one run per workspace, scope and key. */
export interface KeyRef {
  readonly workspace: string;
  readonly scope: string;
  readonly key: string;
}

export interface StartKey {
  readonly scope: string;
  readonly key: string;
  /** Of what the start was given: the same key with another one is another start by mistake. */
  readonly fingerprint: string;
}

export interface KeyHolder {
  readonly runId: string;
  readonly fingerprint: string;
  /** The run was deleted; the key is its own all the same. */
  readonly isRunGone?: true;
}

/** The part of the store that knows keys. */
export interface KeyStore {
  /**
   * Whose key this is; `null`: it is free. A key belongs to its run until `KEY_KEEP_MS` after the run's end. A run that was
   * deleted keeps it for `KEY_KEEP_MS` from its start, or from when the store last found it alive.
   */
  key(ref: KeyRef): Promise<KeyHolder | null>;
  /** Deletes keys that are free by now; looks at so many of those that may be, the oldest first, and returns at how many. */
  expireKeys(limit: number): Promise<number>;
}
