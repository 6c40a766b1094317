/** What can happen to a run. Everything that a decision needs is in the event: time, randomness and policies too. */
import type { BreakerKey } from "../breaker/key.ts";
import type { RetryPolicy } from "../definition/retry.ts";
import type { Json, JsonObject } from "../json.ts";

/**
 * What a failed attempt means, decided by `classifyFailure` before the reducer sees it.
 * `retry`: follows the ladder. `permanent`: dead letter (or error edge) at once. `outcomeUnknown`: the effect may have
 * happened and the action's class forbids another try: dead letter at once, never an error edge.
 * `later`: the other side said when to come back; costs no attempt. `notYet`: nothing failed, and the action wants to look again;
 * costs no attempt and leaves no record of one. `parked`: a breaker is open, and knows already what the failure says; costs no attempt.
 */
export type FailureVerdict =
  | { readonly type: "retry" }
  | { readonly type: "permanent" }
  | { readonly type: "outcomeUnknown" }
  | { readonly type: "later"; readonly afterMs: number }
  | { readonly type: "notYet"; readonly afterMs: number }
  | { readonly type: "parked"; readonly delayMs: number; readonly by: BreakerKey };

/** An error as it is stored: plain JSON, shortened, without secrets. */
export interface ErrorRecord extends JsonObject {
  /** Class for filters and retries: `timeout`, `expression`, `invalid_input`, `http`, the error's own name ... */
  readonly class: string;
  readonly message: string;
}

interface NodeEvent {
  /** Index of the node in the plan. */
  readonly node: number;
}

interface FencedEvent extends NodeEvent {
  /** The fence under which the sender acted. Another one in the state: the event is too late and does nothing. */
  readonly fence: number;
}

export type RunEvent =
  /**
   * The run begins at this trigger: now, or `at` this time where that is later. Milliseconds since 1970, whole. `deadlineMs`: from
   * then on, in place of the workflow's. `waitsForRoom`: there are too many runs like it; it begins when it is `admitted`.
   */
  | {
      readonly type: "started";
      readonly trigger: number;
      readonly at?: number;
      readonly deadlineMs?: number;
      readonly waitsForRoom?: boolean;
    }
  /** There is room for the run now. */
  | { readonly type: "admitted" }
  /** A `ready` node has been handed to the queue. */
  | ({ readonly type: "enqueued" } & NodeEvent)
  /** The task of a `queued` node was lost or must be sent again: `dispatches + 1`. */
  | ({ readonly type: "requeued" } & FencedEvent)
  /** A worker takes a `ready` or `queued` node: `running`, `fence + 1`. */
  | ({ readonly type: "claimed"; readonly worker: string } & FencedEvent)
  /** The idempotency key of a `ready` or `queued` node is held by another node run: it waits until the key is settled, or to look again. */
  | ({ readonly type: "keyHeld" } & FencedEvent)
  /** A worker cannot run a `queued` node: `ready` again, not before `delayMs`; `null`: at any time. */
  | ({ readonly type: "givenBack"; readonly delayMs: number | null } & FencedEvent)
  /** A breaker keeps a `ready` or `queued` node from beginning: `ready`, to be looked at by itself after `delayMs`. */
  | ({ readonly type: "parked"; readonly delayMs: number; readonly by: BreakerKey } & FencedEvent)
  /** A running node's worker gives it up in an orderly way, or no longer knows it: `ready`, `fence + 1`, no attempt counted. */
  | ({ readonly type: "released" } & FencedEvent)
  /** A running node's worker is dead. By effect class, as `verdict` says; a `retry` here costs no attempt of the ladder. */
  | ({
      readonly type: "leaseLost";
      readonly verdict: FailureVerdict;
      readonly error: ErrorRecord;
    } & FencedEvent)
  | ({ readonly type: "succeeded"; readonly output: Json } & FencedEvent)
  | ({
      readonly type: "failed";
      readonly error: ErrorRecord;
      readonly verdict: FailureVerdict;
      readonly retry: RetryPolicy;
      /** In [0, 1): the jitter. */
      readonly random: number;
    } & FencedEvent)
  /**
   * `due_at` has passed by the database's clock (a wait, a retry, or a `ready` node held until then), or the key that the node waits
   * for was settled, or the deadline of a map or of a
   * node that nobody has taken, or, for `$output`, that of the run.
   */
  | ({ readonly type: "timerFired" } & FencedEvent)
  | {
      readonly type: "signalled";
      readonly id: string;
      readonly name: string;
      readonly payload: Json;
      readonly receivedAt: number;
    }
  | {
      readonly type: "eventReceived";
      readonly id: string;
      readonly name: string;
      readonly payload: Json;
      readonly receivedAt: number;
    }
  /** `compensate`: what succeeded is undone, once nothing runs any more. */
  | { readonly type: "cancelled"; readonly compensate: boolean }
  | { readonly type: "paused" }
  | { readonly type: "resumed" }
  /** The worker that claimed the node has made the list of its map, and the map is stored. */
  | ({ readonly type: "mapStarted" } & FencedEvent)
  /** Nothing of the map runs, and nothing will. */
  | ({
      readonly type: "mapEnded";
      /** Items that are dead letters. */
      readonly open: number;
      /** Items that failed otherwise. */
      readonly failed: number;
      /** Items that did not run to their end. */
      readonly unfinished: number;
      /** What became of the items. */
      readonly error: ErrorRecord;
      /** `null` where no condition or wait reads it. */
      readonly output: Json;
    } & FencedEvent)
  /** The worker that claimed the node has rendered what its child is started with. */
  | ({ readonly type: "childOpened" } & FencedEvent)
  /** The child was found to be there. */
  | ({ readonly type: "childSeen" } & FencedEvent)
  /** The child that this generation of the node has started came to rest, or could not be started (`failed`). */
  | ({
      readonly type: "childEnded";
      readonly generation: number;
      readonly status: "succeeded" | "failed" | "cancelled";
      /** `null` unless it succeeded. */
      readonly output: Json;
      /** What becomes of the node, unless it succeeded. */
      readonly error: ErrorRecord;
    } & NodeEvent)
  /**
   * Runs a dead letter's node again. With `item`, here and below: that of one item, which the store keeps. `moved`: the run is under
   * this plan for the first time.
   */
  | ({
      readonly type: "redriven";
      readonly newKey: boolean;
      readonly item?: number;
      readonly moved?: true;
    } & NodeEvent)
  /** Supplies the result of a dead letter by hand: an output for an action, an outcome for a condition or a wait. */
  | ({
      readonly type: "completed";
      readonly output: Json;
      readonly outcome?: string;
      readonly item?: number;
    } & NodeEvent)
  /** Gives a dead letter up: its edges die. */
  | ({ readonly type: "discarded"; readonly item?: number } & NodeEvent);

/** The events of one type. */
export type Event<T extends RunEvent["type"]> = Extract<RunEvent, { type: T }>;
