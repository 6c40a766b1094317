/**
 * Runs that are stuck: who has waited for long, and what was found stuck and told. The list is the memory of it: whoever looks reports a state that
 * is not in the list yet, and takes out what is over. Part of `Store`; both stores pass the same rules.
 */
import type { StuckReason, Waiting, WorkerRoom } from "../stuck/judge.ts";

export interface WaitingQuery {
  /** Younger ones are left out. */
  readonly quietMs: number;
  /** Or it was handed to the queue so often, and is not claimed yet. */
  readonly rounds: number;
  /** Of each kind and node, the ones that are listed as stuck first. */
  readonly limit: number;
}

export interface StuckRun {
  readonly runId: string;
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
  readonly reason: StuckReason;
  /** `null`: it is about the run. */
  readonly node: string | null;
  /** What the node needs of a worker; `null`: not known, or nothing. */
  readonly lane: string | null;
  readonly action: string | null;
  /** When a node run of it last began or ended; else when the run was made. Milliseconds since 1970. */
  readonly since: number;
}

export interface KnownStuckRun extends StuckRun {
  /** When it was reported. */
  readonly foundAt: number;
}

export interface StuckQuery {
  /** `null`: of all. */
  readonly workspace: string | null;
  /** Of the page before: its last one. */
  readonly after?: Pick<KnownStuckRun, "foundAt" | "runId" | "node">;
  readonly limit: number;
}

/** So many are listed; more that are found are not, until some are gone. */
export const MOST_STUCK = 1_000;

export interface StuckStore {
  /** `true` for one of all that ask within this time. */
  takeTurn(everyMs: number): Promise<boolean>;
  /** None of runs that are paused or at rest, nor what waits for room. Of one kind a node of a run is there once. */
  waiting(query: WaitingQuery): Promise<readonly Waiting[]>;
  /** Those that are alive. */
  rooms(): Promise<readonly WorkerRoom[]>;
  /**
   * What is stuck now: the list becomes this one, and keeps `since` and `foundAt` of what was in it. Resolves with what was not, as it was before.
   * Two are the same where run, node and reason are.
   */
  note(found: readonly StuckRun[]): Promise<readonly StuckRun[]>;
  /** The newest first. */
  list(query: StuckQuery): Promise<readonly KnownStuckRun[]>;
}
