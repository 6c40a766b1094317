/** From counts to what people ask for. */
import type { Counts } from "./counts.ts";
import { type Bins, quantile } from "./histogram.ts";

/** How long something took, in milliseconds. `null`: nothing was counted. */
export interface Durations {
  readonly meanMs: number | null;
  /** Half took no longer, to within a tenth. */
  readonly p50Ms: number | null;
  /** 95 of 100 took no longer, to within a tenth. */
  readonly p95Ms: number | null;
}

export interface RunRates {
  /** That began. */
  readonly started: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Of those that succeeded or failed, the part that failed: 0 to 1. `null`: there were none. */
  readonly failureRate: number | null;
  /** That came to rest, per second. */
  readonly perSecond: number;
  /** From start to end, waits included. */
  readonly duration: Durations;
}

export interface AttemptRates {
  /** That ended. */
  readonly count: number;
  readonly failed: number;
  /** That were not the first of their node run. */
  readonly retries: number;
  /** 0 to 1; `null`: there were none. */
  readonly failureRate: number | null;
  readonly perSecond: number;
  /** Of the action's code. */
  readonly duration: Durations;
  /** From the queue to a worker, of those that went through the queue. `null`: none did. */
  readonly queuedMeanMs: number | null;
}

export interface Rates {
  readonly runs: RunRates;
  readonly attempts: AttemptRates;
  /** That were opened. */
  readonly deadLetters: number;
}

/** `spanMs`: of the time in which this was counted. */
export function ratesOf(counts: Counts, spanMs: number): Rates {
  const { started, succeeded, failed, cancelled, runMs, runBins, deadLetters } = counts;
  const ended = succeeded + failed + cancelled;
  return {
    runs: {
      started,
      succeeded,
      failed,
      cancelled,
      failureRate: part(failed, succeeded + failed),
      perSecond: perSecond(ended, spanMs),
      duration: durations(runMs, ended, runBins),
    },
    attempts: attemptRates(counts, spanMs),
    deadLetters,
  };
}

export function attemptRates(counts: Counts, spanMs: number): AttemptRates {
  const { attempts, failures, retries, attemptMs, attemptBins, queued, queuedMs } = counts;
  return {
    count: attempts,
    failed: failures,
    retries,
    failureRate: part(failures, attempts),
    perSecond: perSecond(attempts, spanMs),
    duration: durations(attemptMs, attempts, attemptBins),
    queuedMeanMs: queued === 0 ? null : round(queuedMs / queued),
  };
}

function durations(sumMs: number, count: number, bins: Bins): Durations {
  const meanMs = count === 0 ? null : round(sumMs / count);
  return { meanMs, p50Ms: quantile(bins, 0.5), p95Ms: quantile(bins, 0.95) };
}

function part(some: number, all: number): number | null {
  return all === 0 ? null : Number((some / all).toFixed(4));
}

function perSecond(count: number, spanMs: number): number {
  return spanMs <= 0 ? 0 : Number(((count / spanMs) * 1_000).toPrecision(4));
}

function round(ms: number): number {
  return Number(ms.toFixed(2));
}
