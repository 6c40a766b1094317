/** What is counted of runs and attempts, and how counts are added up. */
import { addBins, type Bins } from "./histogram.ts";

/** Counts of a span of time. Durations are sums in milliseconds; their bins are those of `histogram.ts`. */
export interface Counts {
  /** Runs that began, and that came to rest. */
  readonly started: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  /** From the start of a run to its end, of all that came to rest. */
  readonly runMs: number;
  readonly runBins: Bins;
  /** Attempts of node runs, and of items of maps, that ended. */
  readonly attempts: number;
  readonly failures: number;
  /** Attempts that were not the first. */
  readonly retries: number;
  readonly attemptMs: number;
  readonly attemptBins: Bins;
  /** Node runs that were taken from the queue, and how long they had been there. */
  readonly queued: number;
  readonly queuedMs: number;
  readonly deadLetters: number;
}

export type Tally = {
  -readonly [Name in keyof Counts]: Counts[Name] extends number ? number : number[];
};

export function newTally(): Tally {
  return {
    started: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    runMs: 0,
    runBins: [],
    attempts: 0,
    failures: 0,
    retries: 0,
    attemptMs: 0,
    attemptBins: [],
    queued: 0,
    queuedMs: 0,
    deadLetters: 0,
  };
}

export function addCounts(into: Tally, counts: Counts): void {
  into.started += counts.started;
  into.succeeded += counts.succeeded;
  into.failed += counts.failed;
  into.cancelled += counts.cancelled;
  into.runMs += counts.runMs;
  addBins(into.runBins, counts.runBins);
  into.attempts += counts.attempts;
  into.failures += counts.failures;
  into.retries += counts.retries;
  into.attemptMs += counts.attemptMs;
  addBins(into.attemptBins, counts.attemptBins);
  into.queued += counts.queued;
  into.queuedMs += counts.queuedMs;
  into.deadLetters += counts.deadLetters;
}
