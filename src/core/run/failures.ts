/**
 * Errors that an action throws to say what its failure means. They are no `FlowForgeError`s: they are the action's own, and
 * end up in the run's record.
 */
import type { Duration } from "../definition/document.ts";
import { parseDuration } from "../definition/duration.ts";

/** Marks the classes below, also those of a second copy of the library in the same process. */
const FAILURE: unique symbol = Symbol.for("flowforge.failure") as never;

export type FailureMark =
  | { readonly type: "permanent" }
  | { readonly type: "retryable"; readonly afterMs: number | null }
  | { readonly type: "notYet"; readonly afterMs: number };

export interface RetryableErrorOptions extends ErrorOptions {
  /**
   * Not before this long from now: `"30s"`, `"5m"`, or milliseconds. The pause is durable, and the attempt does not count.
   * At most 24 hours. Default: the pauses of the node's retry policy, and the attempt counts.
   */
  readonly after?: Duration;
}

/** Another try would fail in the same way: no retries, but the node's `error` edge or a dead letter at once. */
export class PermanentError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "PermanentError";
    mark(this, { type: "permanent" });
  }
}

/**
 * The attempt failed without an effect, and another may succeed. Use it where the error by itself would count as permanent,
 * or with `after` where the other side said when to come back.
 *
 * @throws FlowForgeError `duration_invalid` where `after` is not a duration.
 */
export class RetryableError extends Error {
  constructor(message: string, options: RetryableErrorOptions = {}) {
    const { after, ...rest } = options;
    super(message, rest);
    this.name = "RetryableError";
    mark(this, {
      type: "retryable",
      afterMs: after === undefined ? null : parseDuration(after, 'RetryableError "after"'),
    });
  }
}

/**
 * What the action waits for is not there yet: nothing failed. It runs again after the pause, which is durable and holds no worker, with
 * the same input and idempotency key, and as often as it takes: no attempt is counted, and none is recorded. Use it to poll. Only the
 * node's `deadline` and the run's end it.
 *
 * @throws FlowForgeError `duration_invalid` where `after` is not a duration.
 */
export class NotYet extends Error {
  constructor({ after }: { readonly after: Duration }) {
    super("What this step waits for is not there yet.");
    this.name = "NotYet";
    mark(this, { type: "notYet", afterMs: parseDuration(after, 'NotYet "after"') });
  }
}

/** What the thrower said about the failure; `null`: nothing. */
export function markOf(error: object): FailureMark | null {
  return (error as { readonly [FAILURE]?: FailureMark })[FAILURE] ?? null;
}

function mark(error: Error, value: FailureMark): void {
  Object.defineProperty(error, FAILURE, { value });
}
