/**
 * The state of one run, as the reducer sees it: statuses and the few values that conditions and waits read.
 * Inputs and outputs of actions are kept by the store; the reducer never looks at them.
 *
 *   pending -> ready -> queued -> running -> succeeded | failed | cancelled
 *      |         ^         |         |
 *      |         +---------+---------+--> waiting (timer, message, next attempt, key) -> ready / succeeded / ...
 *      +--> skipped
 */
import type { Json, JsonObject } from "../json.ts";

export type NodeStatus =
  "pending" | "ready" | "queued" | "running" | "waiting" | "succeeded" | "failed" | "skipped" | "cancelled";

export type RunStatus =
  | "queued"
  | "running"
  | "waiting"
  | "paused"
  | "cancelling"
  | "compensating"
  | "succeeded"
  | "failed"
  | "cancelled";

/**
/**
 * Why a node is `waiting`. `child`: for the end of another run. `key`: another node run holds its idempotency key. `map`: it is `running`
 * without a worker, and its items are what runs. `concurrency`: as many runs of the workflow as it allows are under way; only of a trigger.
 */
export type WaitReason = "timer" | "message" | "retry" | "child" | "key" | "map" | "concurrency";

/**
 * What became of a node's failure. `handled`: an error edge was taken. `open`: a dead letter that somebody must resolve.
 * `items`: items of its map are dead letters, and must be resolved. `discarded`: resolved by giving up; the node's edges are dead. `compensated`: closed because the run is undone.
 */
export type FailureState = "handled" | "open" | "items" | "discarded" | "compensated";

export interface NodeState {
  readonly status: NodeStatus;
  /** The outcome that its edges look at; `null` until it has one. */
  readonly outcome: string | null;
  /** Raised by every claim, every wait and every release. An event with another fence is too late. */
  readonly fence: number;
  /** Attempts that count for the retry ladder, the present one included. */
  readonly attempt: number;
  /** Leases lost in a row (the process died); three park the node as poison. Reset by every recorded outcome. */
  readonly losses: number;
  /** Raised where a redrive is a new intention (edited input, new key), and so makes a new idempotency key. */
  readonly generation: number;
  /** How often it was handed to the queue under this fence; part of the task's id. */
  readonly dispatches: number;
  readonly worker: string | null;
  readonly waitingFor: WaitReason | null;
  /** Milliseconds since 1970 by the database's clock: an estimate for showing; the store's own value decides. */
  readonly dueAt: number | null;
  readonly failure: FailureState | null;
  /** When it gives up; `null`: it has no deadline, has not started, or has ended. Milliseconds since 1970, as `dueAt`. */
  readonly deadlineAt: number | null;
  /** How long the other side has put it off in all. 0 once it has ended. */
  readonly putOffMs: number;
  /** The fence that it had when its present idempotency key was made: the next one is that of the key's first attempt. */
  readonly keyFence: number;
  /** Inbound edges that are still open; derived, never stored. */
  readonly open: number;
  /** Inbound edges that were taken; derived, never stored. */
  readonly taken: number;
}

/** A signal or event that came before anything waited for it. */
export interface KeptMessage {
  readonly id: string;
  readonly kind: "signal" | "event";
  readonly name: string;
  readonly payload: Json;
  /** Milliseconds since 1970 by the database's clock. */
  readonly receivedAt: number;
}

/** The values that conditions and waits may read. */
export interface RunValues {
  readonly input: Json;
  readonly trigger: Json;
  /** `id`, `workflow`, `workspace`, `startedAt`. */
  readonly run: JsonObject;
  readonly outputs: ReadonlyMap<number, Json>;
  readonly errors: ReadonlyMap<number, Json>;
}

/** How many nodes are in which state; derived, never stored. */
export interface RunCounts {
  /** `ready` or `queued`. */
  readonly startable: number;
  readonly running: number;
  readonly waiting: number;
  /** Open failures, in whatever state the run is. */
  readonly deadLetters: number;
  /** Some node was claimed, waited or was decided at least once. */
  readonly begun: boolean;
}

export interface RunState {
  readonly status: RunStatus;
  /** Nothing new starts while this is set; what runs is recorded. */
  readonly paused: boolean;
  /** Cancel was asked for: `cancelling` until nothing runs, then `cancelled`. */
  readonly cancelled: boolean;
  /** What succeeded is to be undone, is being undone, or has been. */
  readonly compensate: boolean;
  /** Index of the trigger that fired; `null` before `started`. */
  readonly trigger: number | null;
  readonly nodes: readonly NodeState[];
  readonly values: RunValues;
  /** In the order of arrival. */
  readonly kept: readonly KeptMessage[];
  readonly counts: RunCounts;
}

/** Somebody must look at the failure: its edges are open, and the run cannot succeed. */
export function isUnresolved({ failure }: Pick<NodeState, "failure">): boolean {
  return failure === "open" || failure === "items";
}

export const TERMINAL: ReadonlySet<NodeStatus> = new Set(["succeeded", "failed", "skipped", "cancelled"]);
