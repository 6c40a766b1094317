/**
 * Workspaces as a whole: which there are, what they hold, and how everything of one is deleted. A workspace is there as long as it has
 * anything. Part of `Store`; both stores pass the same rules.
 */

/** Rows by kind. What belongs to a run (its node runs, attempts, messages, dead letters, large values) is counted with the run. */
export interface WorkspaceCounts {
  readonly runs: number;
  /** Versions of workflows. */
  readonly versions: number;
  readonly schedules: number;
  /** Polls; the items that one has seen are counted with it. */
  readonly polls: number;
  readonly credentials: number;
  readonly dataKeys: number;
  /** Deliveries of webhooks. */
  readonly deliveries: number;
  /** Events that are kept. */
  readonly events: number;
  /** Idempotency keys of starts, and shared keys of actions. */
  readonly keys: number;
}

export interface WorkspaceStore {
  /** Workspaces that have anything, after this one, in an order of the store's own. */
  list(page: { readonly after?: string; readonly limit: number }): Promise<readonly string[]>;
  /** All of them 0 where there is nothing. */
  counts(workspace: string): Promise<WorkspaceCounts>;
  /** Runs that are not at rest. */
  underWay(workspace: string): Promise<number>;
  /**
   * Deletes some of what the workspace has, at most about so many rows of each kind, and counts them: definitions, then runs and keys, the data
   * keys of its credentials last. Nothing can be written for a run that is deleted. All of the counts 0: there was nothing left, and of what the deleted
   * runs had nothing is left either.
   *
   * Versions of its workflows go on from the numbers that they had, should it be there again: no number means two definitions.
   */
  erase(workspace: string, limit: number): Promise<WorkspaceCounts>;
}

export const NOTHING: WorkspaceCounts = {
  runs: 0,
  versions: 0,
  schedules: 0,
  polls: 0,
  credentials: 0,
  dataKeys: 0,
  deliveries: 0,
  events: 0,
  keys: 0,
};

export function sumOf(a: WorkspaceCounts, b: WorkspaceCounts): WorkspaceCounts {
  return {
    runs: a.runs + b.runs,
    versions: a.versions + b.versions,
    schedules: a.schedules + b.schedules,
    polls: a.polls + b.polls,
    credentials: a.credentials + b.credentials,
    dataKeys: a.dataKeys + b.dataKeys,
    deliveries: a.deliveries + b.deliveries,
    events: a.events + b.events,
    keys: a.keys + b.keys,
  };
}

export function isNothing(counts: WorkspaceCounts): boolean {
  return Object.values(counts).every((count) => count === 0);
}
