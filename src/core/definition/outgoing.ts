/** What actions send in the name of their run. */
import type { Duration } from "./document.ts";

/**
 * `payload`: JSON. `id`: 1 to 200 characters without control characters; default: one that is made of the attempt's idempotency key and
 * the event's name, so that each name is published once.
 */
export type PublishEvent = (
  event: string,
  payload?: unknown,
  options?: { readonly id?: string | undefined },
) => Promise<PublishedEvent>;

export interface PublishedEvent {
  readonly id: string;
  /** How many runs that waited have got it, from whichever attempt. */
  readonly runs: number;
  /** How many runs it has started. */
  readonly started?: number | undefined;
  /** How many have no room for its payload (`limits.runBytes`), and did not get it. Absent: none. */
  readonly full?: number | undefined;
}

/** Gives the job's id. */
export type AddJob = (job: JobRequest) => Promise<{ readonly id: string }>;

export interface JobRequest {
  /** One that the engine's option `queues` allows. */
  readonly queue: string;
  /** Of the job, for its worker. 1 to 200 characters. */
  readonly name: string;
  /** What its worker gets: JSON. Default `{}`. */
  readonly data?: unknown;
  /** How long it waits before a worker may take it. At most a year. Default: not at all. */
  readonly delay?: Duration | undefined;
  /** 0 to 2,097,151: 0 before all others, then the lowest first. Default 0. */
  readonly priority?: number | undefined;
  /** How often its worker tries it, in all. 1 to 1,000. Default 1. */
  readonly attempts?: number | undefined;
  /** How long it waits before another try: always `delay`, or twice as long each time. Default: not at all. */
  readonly backoff?: { readonly type: "fixed" | "exponential"; readonly delay: Duration } | undefined;
  /** How long it is kept when it has succeeded: for so long a repeated attempt adds no other. At least 24h, the default. */
  readonly keepCompleted?: Duration | undefined;
  /** The same when it has failed for good. At least 24h. Default 30d. */
  readonly keepFailed?: Duration | undefined;
  /** Tells jobs apart that an attempt adds to one queue: 1 to 64 letters, digits, `-` and `_`. Default: there is only one. */
  readonly part?: string | undefined;
}
