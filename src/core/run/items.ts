/** What becomes of an item of a map when an attempt ends without a success: the rules are those of nodes, kept in the item's own row. */
import type { ItemResult, ItemState } from "../ports/maps.ts";
import type { RetryPolicy } from "../definition/retry.ts";
import { isPutOffTooLong, putOffTooLong } from "./bounds.ts";
import type { ErrorRecord, FailureVerdict } from "./event.ts";
import { backoffMs, immediateMs, isPoison, outcomeUnknown, poison } from "./ladder.ts";

export interface ItemFailure {
  readonly error: ErrorRecord;
  readonly verdict: FailureVerdict;
  /** The worker was lost with the attempt. */
  readonly lost: boolean;
  readonly retry: RetryPolicy;
  /** In [0, 1): the jitter. */
  readonly random: number;
  /** The run was cancelled, or another branch has won. */
  readonly unwanted: boolean;
  readonly paused: boolean;
  /**
   * Until the deadline of the map; 0 or less where it has passed, `Infinity` where there is none. What is left then waits for somebody
   * who takes the map up again.
   */
  readonly leftMs: number;
  /** A failure is no dead letter: an edge takes it, or the output of the map tells of it. */
  readonly handled: boolean;
}

export type ItemOutcome = Pick<
  ItemResult,
  "status" | "fence" | "attempt" | "losses" | "putOffMs" | "delayMs" | "failure" | "error"
>;

export function itemFailed(item: ItemState, failure: ItemFailure): ItemOutcome {
  const { verdict, error, unwanted, lost, handled } = failure;
  if (verdict.type === "outcomeUnknown") return failed(item, outcomeUnknown(error), "open");
  if (unwanted) return ended(item, { status: "cancelled", failure: null, error });
  const { attempt, losses, putOffMs } = item;
  if (failure.leftMs <= 0 && verdict.type !== "permanent") return later(item, { delayMs: 0, attempt });
  switch (verdict.type) {
    case "permanent":
      return failed(item, error, handled ? "handled" : "open");
    case "notYet":
      return later(item, { delayMs: verdict.afterMs, attempt: attempt - 1 });
    case "parked":
      return later(item, { delayMs: verdict.delayMs, attempt: attempt - 1 });
    case "later":
      if (isPutOffTooLong(putOffMs + verdict.afterMs))
        return failed(item, putOffTooLong(error), handled ? "handled" : "open");
      return later(
        { ...item, putOffMs: putOffMs + verdict.afterMs },
        { delayMs: verdict.afterMs, attempt: attempt - 1 },
      );
    case "retry":
      if (!lost) return retry(item, failure);
      if (isPoison(losses + 1)) return failed(item, poison(error, losses + 1), "open");
      return { ...later(item, { delayMs: 0, attempt: attempt - 1 }), losses: losses + 1 };
  }
}

/** The worker gives the item up in an orderly way. */
export function itemReleased(item: ItemState): ItemOutcome {
  return later(item, { delayMs: 0, attempt: item.attempt - 1 });
}

export function itemSucceeded(item: ItemState): ItemOutcome {
  return ended(item, { status: "succeeded", failure: null });
}

function retry(
  item: ItemState,
  { retry: policy, random, error, handled, paused, leftMs }: ItemFailure,
): ItemOutcome {
  const { attempt, fence, putOffMs } = item;
  const pause = policy.backoffMs[attempt - 1 - policy.immediate];
  if (attempt <= policy.immediate) {
    if (paused) return later(item, { delayMs: 0, attempt });
    const delayMs = immediateMs(random);
    if (delayMs >= leftMs) return later(item, { delayMs, attempt });
    const next = { fence: fence + 1, attempt: attempt + 1, losses: 0, putOffMs, delayMs };
    return { status: "running", failure: null, ...next };
  }
  if (pause === undefined) return failed(item, error, handled ? "handled" : "open");
  return later(item, { delayMs: backoffMs(pause, random), attempt });
}

function later(item: ItemState, { delayMs, attempt }: { delayMs: number; attempt: number }): ItemOutcome {
  const { fence, putOffMs } = item;
  const wait = { delayMs: Math.max(0, Math.ceil(delayMs)), losses: 0, putOffMs };
  return { status: "waiting", failure: null, fence: fence + 1, attempt, ...wait };
}

function failed(item: ItemState, error: ErrorRecord, failure: "open" | "handled"): ItemOutcome {
  return ended(item, { status: "failed", failure, error });
}

/** It keeps its fence: a dead letter is known by it. */
function ended(
  { fence, attempt }: ItemState,
  end: Pick<ItemOutcome, "status" | "failure" | "error">,
): ItemOutcome {
  return { ...end, fence, attempt, losses: 0, putOffMs: 0, delayMs: 0 };
}
