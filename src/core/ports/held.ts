/**
 * Node runs that are ready and wait for room: their workspace has no allowance left, or as many in the queue as it may have. They wait in
 * lines, one for each lane and workspace, and whoever has room takes them from there. Part of `Store`.
 */
export interface LineRef {
  readonly lane: string;
  readonly workspace: string;
}

export interface Line extends LineRef {
  /** Since when the first one waits. */
  readonly since: number;
}

/** A node run under its fence, and the plan of its run. */
export interface HeldRef extends LineRef {
  readonly runId: string;
  readonly node: string;
  readonly item: number;
  readonly fence: number;
  readonly dispatches: number;
  readonly workflow: string;
  readonly version: number;
  readonly heldAt: number;
}

export interface HeldStore {
  /** Lines in which anybody waits, by lane and workspace, after this one. */
  lines(page: {
    readonly lanes: readonly string[];
    readonly after?: LineRef;
    readonly limit: number;
  }): Promise<readonly Line[]>;
  /**
   * Of each line the first so many, those who have waited longest first; none of paused runs. Where several workers look, each gets those
   * that fall to it, and others only where these are too few.
   */
  first(
    lines: readonly (LineRef & { readonly limit: number })[],
    worker: string,
  ): Promise<readonly HeldRef[]>;
  /** Node runs that have been handed to the queue and are not taken, by workspace. */
  queued(): Promise<ReadonlyMap<string, number>>;
  /** How many node runs all live workers together run at once; those that only maintain run none. */
  capacity(): Promise<number>;
}
