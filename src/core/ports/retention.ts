/**
 * Runs that are over and go. A run goes in two steps, so that no statement is long however much a run has: its row goes at once, and from
 * then on nothing can be written for it; the rows that it had in other tables follow in batches (`clear`), whoever does that, and
 * after a crash too. Part of `Store`; both stores pass the same rules.
 */
import type { RunHeader } from "./stored-run.ts";

/** How long a run at rest is kept after its end, in milliseconds; `null`: for ever. */
export interface KeepTimes {
  readonly succeeded: number | null;
  readonly failed: number | null;
  readonly cancelled: number | null;
  /** In place of the others where the run has open dead letters. */
  readonly unresolved: number | null;
}

/** Where a run stands among those of its workspace: the oldest first. */
export interface RunPlace {
  readonly createdAt: number;
  readonly id: string;
}

export interface ExpiredRunsQuery {
  readonly workspace: string;
  readonly keep: KeepTimes;
  /** Of the page before. */
  readonly after?: RunPlace;
  /** Of runs that are looked at, and of runs that are found. 1 to 1,000. */
  readonly limit: number;
}

export interface ExpiredRun {
  readonly header: RunHeader;
  /** Id of the run at the top of its tree, of those that are still there. */
  readonly root: string;
}

export interface ExpiredRuns {
  /** Parents before their children. */
  readonly runs: readonly ExpiredRun[];
  /** `null`: no older run is left. */
  readonly next: RunPlace | null;
}

export interface RetentionStore {
  /** Workspaces that have runs, after this one, in an order of the store's own. */
  workspaces(page: { readonly after?: string; readonly limit: number }): Promise<readonly string[]>;
  /**
   * Looks at some runs of a workspace and finds the trees whose every run is at rest and past its time. A run whose parent is gone is at the top
   * of a tree. Of a tree that is larger than the page the first runs are found; once these are gone, the rest are trees of their own.
   */
  expired(query: ExpiredRunsQuery): Promise<ExpiredRuns>;
  /**
   * Deletes runs as they were found, and gives the ids of those that are gone. The runs of a root go together or not at all: not where one of them
   * has moved since, or is held by somebody at this moment. Waits for nobody.
   */
  delete(runs: readonly ExpiredRun[]): Promise<readonly string[]>;
  /** Deletes rows that deleted runs have left in other tables, at most about so many of each table. `false`: nothing is left. */
  clear(limit: number): Promise<boolean>;
}
