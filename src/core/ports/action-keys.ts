/**
 * Idempotency keys that nodes declare, as the store keeps them: across runs, one node run at a time holds a key, and what it gave is
 * the result of all others. A key is free, held (its holder may still run), or done.
 */
import type { Json } from "../json.ts";

/** One key per workspace and action. */
export interface ActionKeyRef {
  readonly workspace: string;
  readonly action: string;
  readonly key: string;
}

/**
 * `held`: until its holder settles it; for good while its holder's run exists, and no longer. `done`: until `KEY_KEEP_MS` after that,
 * with the output of the holder.
 */
export interface ActionKeyState {
  readonly state: "held" | "done";
  readonly runId: string;
  readonly node: string;
  /** Of the input of the holder. */
  readonly fingerprint: string;
  /** `null` while it is held. */
  readonly result: Json;
}

/** What a commit does with keys of its run's nodes. One per node at most. */
export type ActionKeyWrite =
  /** The node takes the key, or goes on with the one that it holds. Where another one has it, the entry is `contended`. */
  | ({ readonly type: "claim"; readonly node: string; readonly fingerprint: string } & ActionKeyRef)
  /** The node waits, under this fence, for the key. Where nobody holds it any more, or somebody is settling it, the entry is `contended`. */
  | ({ readonly type: "wait"; readonly node: string; readonly fence: number } & ActionKeyRef)
  /** The keys that the node holds, if it does, are done with the output that this commit writes; or free. */
  | { readonly type: "done" | "free"; readonly node: string };

export interface KeyWaiter {
  readonly runId: string;
  readonly node: string;
  readonly fence: number;
}

/** A node run that is not one of a list. */
export interface KeyOwner {
  readonly runId: string;
  readonly node: string;
}

/** The part of the store that knows keys of actions. */
export interface ActionKeyStore {
  /** In the order of the references; `null`: free. */
  actionKeys(refs: readonly ActionKeyRef[]): Promise<readonly (ActionKeyState | null)[]>;
  /** The key that each holds, in the order of the owners; `null`: none. */
  heldKeys(owners: readonly KeyOwner[]): Promise<readonly (string | null)[]>;
  /** Who waits for keys that these had and that are settled now. Each is told once; one that is not told looks again by itself. */
  takeKeyWaiters(owners: readonly KeyOwner[]): Promise<readonly KeyWaiter[]>;
  /** As `expireKeys`; also forgets waiters that have looked again long ago. */
  expireActionKeys(limit: number): Promise<number>;
}

/** A waiter is known for so long: longer than it waits before it looks again. */
export const KEY_WAITER_MS: number = 2 * 60 * 1_000;
