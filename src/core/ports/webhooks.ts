/**
 * Deliveries of webhooks. One that was let in is claimed before its run is started: the claim takes its keys and says which id the run
 * gets, so whoever finds the claim later (the sender's next try, the loop that finishes what was left) starts the same run, and never
 * another one. A key holds for `DELIVERY_KEEP_MS`. Rejected deliveries have no keys that hold: the sender may try again.
 * Part of `Store`; both stores pass the same rules.
 */

/** How long a delivery and its keys are kept: longer than senders try again. 7 days. */
export const DELIVERY_KEEP_MS: number = 7 * 24 * 60 * 60 * 1_000;

/**
 * `received`: claimed, and its run may be there or not. `accepted`: its run is there. `rejected`: it has none.
 */
export type DeliveryStatus = "received" | "accepted" | "rejected";

/** Under what a delivery is known at a path; each of them at most once. */
export interface DeliveryKeys {
  /** What the sender calls it; `null`: nothing. */
  readonly key: string | null;
  /** Hash of the body, where the signature does not cover the key. `null`: the key is enough. */
  readonly bodyKey: string | null;
}

export interface DeliveryPlace {
  readonly workspace: string;
  readonly path: string;
}

export interface NewDelivery extends DeliveryPlace, DeliveryKeys {
  readonly id: string;
  readonly workflow: string;
  /** Id of the trigger node. */
  readonly trigger: string;
  /** `false`: nobody knows who sent it. */
  readonly verified: boolean;
  /** Without those that hold secrets. */
  readonly headers: { readonly [name: string]: string };
  /** Of a delivery that is rejected it may be the beginning only; `size` tells. */
  readonly body: Uint8Array;
  /** Bytes that came. */
  readonly size: number;
}

export interface DeliveryRecord extends Omit<NewDelivery, "body"> {
  readonly status: DeliveryStatus;
  /** Why it was rejected; `null`: it was not. */
  readonly reason: string | null;
  readonly detail: string | null;
  /** Of the run that it started, or will. */
  readonly runId: string | null;
  /** How often it came again. */
  readonly repeats: number;
  readonly receivedAt: number;
}

/** With its body, which is dropped when it is accepted: the run has it. */
export interface DeliveryDetail extends DeliveryRecord {
  readonly body: Uint8Array | null;
}

export interface Rejection {
  readonly reason: string;
  readonly detail: string;
}

export type Claim =
  | { readonly claimed: true }
  /** It was here before, and has been counted once more. */
  | { readonly claimed: false; readonly known: DeliveryRecord };

export interface DeliveryFilter {
  readonly workspace: string;
  readonly path?: string;
  readonly status?: DeliveryStatus;
  /** Opaque; from the page before. */
  readonly cursor?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface DeliveryPage {
  readonly items: readonly DeliveryRecord[];
  readonly cursor: string | null;
}

export interface WebhookStore {
  /** Keeps a delivery as `received`, to start the run of this id, unless one of its keys is taken: of several at once, one is claimed. */
  claim(delivery: NewDelivery, runId: string): Promise<Claim>;
  /** The delivery that holds one of these keys, counted once more; `null`: none does. */
  repeated(place: DeliveryPlace, keys: DeliveryKeys): Promise<DeliveryRecord | null>;
  /** From `received` to `accepted`. Its body is dropped. */
  accept(id: string): Promise<void>;
  /** From `received` to `rejected`: its keys are free again, and it has no run. */
  reject(id: string, rejection: Rejection): Promise<void>;
  /**
   * Keeps a delivery as `rejected`, and of those with the same path and `verified` only so many of the newest: strangers cannot fill the
   * store, and not push out what is known to come from the sender.
   */
  refuse(delivery: NewDelivery, rejection: Rejection, most: number): Promise<void>;
  /**
   * From `rejected` to `received`, to start the run of this id; it has these keys from then on. `taken`: they belong to another one by now. `gone`: it is
   * not rejected (any more).
   */
  reopen(ref: {
    readonly workspace: string;
    readonly id: string;
    readonly runId: string;
    readonly keys: DeliveryKeys;
  }): Promise<"reopened" | "taken" | "gone">;
  /** `null`: there is none. */
  get(workspace: string, id: string): Promise<DeliveryDetail | null>;
  /** Newest first, by `receivedAt` and then `id`. Rejects a limit or cursor that is none with `option_invalid`. */
  page(filter: DeliveryFilter): Promise<DeliveryPage>;
  /**
   * Those that have been `received` for longer than this, oldest first: whoever claimed them has not come to the end. Whoever asks has them
   * now, and nobody else finds them for that long.
   */
  unfinished(options: {
    readonly olderThanMs: number;
    readonly limit: number;
  }): Promise<readonly DeliveryDetail[]>;
  /** Deletes those whose time is over, except `received` ones; at most so many, and returns how many. */
  expire(limit: number): Promise<number>;
}
