/**
 * The workflow document: plain JSON that can be stored, compared, drawn and written by a visual editor.
 * `defineWorkflow()` records the same document from code. Which combinations make sense is decided by
 * `validateWorkflow` in `core/graph`; the shape alone is checked by the schema beside this file.
 */
import type { Json, JsonObject } from "../json.ts";

/** `500ms`, `30s`, `5m`, `2h`, `3d`, or milliseconds as a number. */
export type Duration = string | number;

/** A JSON value whose strings may hold `{{ expression }}`. */
export type TemplateValue = Json;

export interface WorkflowDocument {
  /** Version of the semantics, not of the workflow. Always 1. */
  readonly format: 1;
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of the run's input. None: any JSON value. */
  readonly input?: JsonObject;
  readonly nodes: { readonly [id: string]: NodeDocument };
  readonly edges: readonly EdgeDocument[];
  /** None: an object of the outputs of the nodes without successors, by node id. */
  readonly output?: TemplateValue;
  readonly labels?: { readonly [name: string]: string };
  /** Default for the nodes of this workflow. */
  readonly retry?: RetryDocument;
  /** Per attempt, for the nodes of this workflow whose action has no timeout of its own. Default 5m. */
  readonly timeout?: Duration;
  /**
   * For a run as a whole, from its start. A run that has not ended by then is cancelled and fails with `deadline_exceeded`. None: as
   * long as it takes.
   */
  readonly deadline?: Duration;
  /** `compensate`: a run that would be `failed` undoes what succeeded first. None: it keeps its dead letters. */
  readonly onFailure?: "compensate";
  /** How many runs of the workflow may be under way at once. None: any number. */
  readonly concurrency?: ConcurrencyDocument;
  /** For the nodes of this workflow that name no lane and whose action has none of its own. None: `default`. */
  readonly lane?: string;
}

/** At most `limit` runs of the workflow with the same key are under way at once, in all processes together. */
export interface ConcurrencyDocument {
  /**
   * A template over `input` and `trigger`, made once, when the run is started: a text of 1 to 255 characters, a number or a boolean.
   * Runs with another key do not count. None: all runs of the workflow count together.
   */
  readonly key?: string;
  /** 1 to 1,000. Where versions differ, that of the run that was started last counts. */
  readonly limit: number;
  /**
   * What a start means for which there is no room. `queue` (default): the run waits until those before it have ended. `cancelOldest`: the
   * oldest runs are cancelled, and the new one begins when they have ended. `reject`: the start throws `concurrency_limit_reached`.
   */
  readonly onLimit?: OnLimit;
}

export type OnLimit = "queue" | "cancelOldest" | "reject";

export interface EdgeDocument {
  readonly from: string;
  readonly to: string;
  /** The outcome of `from` that takes this edge. None: every outcome except `error` and `timeout`. */
  readonly on?: string;
}

export interface RetryDocument {
  /** Attempts made at once after the first, with a pause of 100 ms to 1 s. Default 2. */
  readonly immediate?: number;
  /** Pauses before the later attempts. Default `["1m", "5m", "30m"]`. */
  readonly backoff?: readonly Duration[];
}

interface NodeDocumentBase {
  readonly description?: string;
  readonly join?: JoinDocument;
}

/**
 * `settled` (default): starts when all inbound edges are settled and one was taken. `all`: needs every one taken. `first`: starts
 * at the first one taken, while other branches run on to their ends; with `cancelOthers` (default false) what leads only to this
 * join and has not ended is cancelled. `{ first: true }` is `first`.
 */
export type JoinDocument =
  "settled" | "all" | "first" | { readonly first: true; readonly cancelOthers?: boolean };

export interface TriggerDocument extends NodeDocumentBase {
  readonly kind: "trigger";
  /** None: `{ type: "manual" }`. */
  readonly source?: TriggerSource;
  /** Makes the run's input from the trigger (scope: `trigger`). None: the payload as it came. */
  readonly input?: TemplateValue;
}

export type TriggerSource =
  | { readonly type: "manual" }
  | WebhookSource
  | ScheduleSource
  | PollSource
  | { readonly type: "event"; readonly name: string; readonly filter?: string };

export interface WebhookSource {
  readonly type: "webhook";
  /** By which its address is known in the workspace. */
  readonly path: string;
  /** How it is known who sends. Without it nothing is let in; `{ scheme: "none" }` lets in everything. */
  readonly signature?: JsonObject;
  /** `accepted` (default): the sender is answered when the run is stored. `result`: when it has ended, with its output. */
  readonly respond?: "accepted" | "result";
  /** How long `result` waits before it answers that the run goes on. Default `10s`, at most `60s`. */
  readonly timeout?: Duration;
  /**
   * Where the workspace may start no more for now. `refuse` (default): the sender is answered with 429 and when to come back, and nothing is
   * stored. `delay`: the run is stored, and begins when its turn has come.
   */
  readonly overQuota?: "refuse" | "delay";
}

/** Exactly one of `cron`, `every` and `at`. */
export interface ScheduleSource {
  readonly type: "schedule";
  /** Five parts, or six with seconds in front, or seven with years at the end; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. */
  readonly cron?: string;
  /** IANA name for `cron`. Default `UTC`. */
  readonly timeZone?: string;
  /** At least `1s`. Ticks are the multiples of it, counted from 1970. */
  readonly every?: Duration;
  /** Once: `2027-03-01T09:00:00Z`, or with an offset. */
  readonly at?: string;
  /**
   * What happens at a tick while the run of the tick before is under way. `allow` (default): both run. `skip`: the new tick is passed over.
   * `queue`: it waits for the end of that run. `cancelPrevious`: that run is cancelled, and the new one starts at once.
   */
  readonly overlap?: "allow" | "skip" | "queue" | "cancelPrevious";
  /**
   * What happens to ticks that no engine saw within a minute. `one` (default): one run for the last of them. `all`: one run for
   * each. `none`: they are passed over.
   */
  readonly catchUp?: "none" | "one" | "all";
  /** Older ticks are never made up for. Default `1d` with `all`, and any age with `one`. */
  readonly catchUpWindow?: Duration;
  /** Each run starts up to so much later than its tick. At most a day. Default 0. */
  readonly jitter?: Duration;
}

/** An action is asked again and again for items, and each item that is new starts a run. */
export interface PollSource {
  readonly type: "poll";
  /** Returns `{ items: [{ id, ... }], cursor?, more? }`. */
  readonly action: string;
  /** What the action is asked with, beside `cursor`: plain values, no templates. Default `{}`. */
  readonly input?: JsonObject;
  /** From the end of a poll to the next one. At least `1s`. */
  readonly every: Duration;
  /** Credentials that the action may use. */
  readonly credentials?: readonly string[];
  /** What is there when it is asked for the first time. `now` (default): is noted as seen, and starts nothing. `all`: starts runs. */
  readonly first?: "now" | "all";
  /** Of a poll. Default: the action's, then `60s`. */
  readonly timeout?: Duration;
}

export interface ActionDocument extends NodeDocumentBase {
  readonly kind: "action";
  readonly action: string;
  /** None: `{}`. */
  readonly input?: TemplateValue;
  readonly credentials?: readonly string[];
  /** Per attempt, from the claim. Default 5m. */
  readonly timeout?: Duration;
  /**
   * For all attempts and the pauses between them, from the moment when the node may start. A node that has not succeeded by then
   * fails with `deadline_exceeded`. With `forEach`: for all items together. None: as long as its retries last.
   */
  readonly deadline?: Duration;
  readonly retry?: RetryDocument;
  /** Only workers of this lane take the node. Default: that of its action, then of its workflow, then `default`. */
  readonly lane?: string;
  /**
   * A template whose text is a key across all runs of the workspace: of all node runs with this action and key, one at a time runs, and
   * what the first success gave is the output of all others, which do not run. Another input under the same key fails the node with
   * `idempotency_conflict`. 1 to 255 characters when it is made. None: each node run is on its own. Not with `forEach`.
   */
  readonly idempotencyKey?: string;
  /**
   * A bare expression that yields a list: the action runs once per item, which its input reads as `item`, and its place in the
   * list (from 0) as `index`. At most 100,000 items; the output is the list of outputs, in the order of the items.
   */
  readonly forEach?: string;
  /** Items that run at once, in all processes together. 1 to 10,000. Default 20. Only with `forEach`. */
  readonly concurrency?: number;
  /**
   * What a failed item means. `fail` (default): when all items have run, the node fails, and each item that failed is a dead letter of
   * its own; with an `error` edge, that is taken instead. `collect`: the node succeeds, and its output holds `{ ok: true, value }` or
   * `{ ok: false, error }` per item. Only with `forEach`.
   */
  readonly onItemError?: "fail" | "collect";
  /** What undoes the node, once it has succeeded and the run is compensated. */
  readonly compensate?: CompensateDocument;
}

/** An action that undoes another one. It runs in the lane of its node, with the credentials of its node. */
export interface CompensateDocument {
  readonly action: string;
  /** May read what the node may read, and the node itself. None: `{}`. */
  readonly input?: TemplateValue;
  readonly retry?: RetryDocument;
  /** Per attempt, from the claim. Default: the action's, then 5m. */
  readonly timeout?: Duration;
}

export interface ConditionDocument extends NodeDocumentBase {
  readonly kind: "condition";
  /** Tried in order; the first true one names the outcome, else the outcome is `else`. */
  readonly cases: readonly { readonly outcome: string; readonly if: string }[];
}

export interface WaitDocument extends NodeDocumentBase {
  readonly kind: "wait";
  readonly for: WaitFor;
  /** What a timeout without an edge `on: "timeout"` means: `fail` (default) or `skip`. */
  readonly onTimeout?: "fail" | "skip";
}

export type WaitFor =
  | { readonly duration: Duration }
  | { readonly until: string | number }
  | { readonly signal: string; readonly timeout?: Duration }
  | { readonly event: string; readonly match?: string; readonly timeout?: Duration };

export type NodeDocument = TriggerDocument | ActionDocument | ConditionDocument | WaitDocument;
