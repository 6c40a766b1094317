/** Whom a worker tells what it does, for statistics, metrics, traces and logs. Nothing here may throw, wait, or decide anything. */
import type { Advance } from "../core/run/advance.ts";
import type { RunStatus } from "../core/run/state.ts";
import type { Outcome } from "./attempt.ts";

export interface ObservedRun {
  readonly runId: string;
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
}

export interface ObservedNode extends ObservedRun {
  readonly node: string;
  /** -1: the node run itself. */
  readonly item: number;
}

export interface ObservedAttempt extends ObservedNode {
  readonly action: string;
  readonly attempt: number;
  readonly fence: number;
}

/** What a durable turn has changed. */
export interface Moved extends Advance {
  /** The run's status before the turn. */
  readonly before: RunStatus;
}

/** An attempt while it is under way. */
export interface AttemptWatch {
  ended(outcome: Outcome): void;
}

export interface Observer {
  /** The run is another one than `queued` for the first time. */
  runBegan(run: ObservedRun): void;
  /** `ms`: since its start. A failed run that is redriven ends again. */
  runEnded(run: ObservedRun, end: { readonly status: RunStatus; readonly ms: number }): void;
  /** A worker took the node run from the queue, where it had been for so long. */
  taken(node: ObservedNode, queuedMs: number): void;
  attempt(attempt: ObservedAttempt): AttemptWatch;
  deadLetter(node: ObservedNode): void;
}
