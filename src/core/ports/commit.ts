/** What a commit writes, and what the store says to it. */
import type { Json } from "../json.ts";
import type { ErrorRecord } from "../run/event.ts";
import type { FailureState, NodeStatus, RunStatus, WaitReason } from "../run/state.ts";
import type { ActionKeyWrite } from "./action-keys.ts";
import type { GateWrite } from "./gates.ts";
import type { LineRef } from "./held.ts";
import type { ParentRef } from "./children.ts";
import type { StartKey } from "./keys.ts";
import type { ItemWrite, MapWrite } from "./maps.ts";
import type { EditedInput } from "./stored-run.ts";

export interface NewRun {
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
  readonly trigger: string;
  readonly input: Json;
  readonly triggerPayload: Json;
  readonly labels: { readonly [name: string]: string };
  /** A UUID, as all run ids. Default: none. */
  readonly rerunOf?: string;
  /** The node run that starts it and waits for its end. Default: none. */
  readonly parent?: ParentRef;
  /** The key becomes this run's, where it is free, in the commit that stores the run; where it is not, the verdict is `taken`. */
  readonly key?: StartKey;
}

/**
 * The whole state of one node run after the commit (not a difference).
 *
 * A write with the failure `open` opens a dead letter, unless the row has one under the same fence. A write of a row with an open
 * one resolves it where its failure is no longer `open` or its fence is another: `discarded` by that failure, `completed` where the
 * row has succeeded, else `redriven`.
 */
export interface NodeWrite {
  readonly node: string;
  readonly item: number;
  /** The row does not exist yet. Where that is wrong, or one row is written twice, the entry is `failed`. */
  readonly isNew: boolean;
  readonly status: NodeStatus;
  readonly outcome: string | null;
  readonly attempt: number;
  readonly fence: number;
  readonly losses: number;
  readonly generation: number;
  readonly dispatches: number;
  readonly worker: string | null;
  readonly waitingFor: WaitReason | null;
  readonly failure: FailureState | null;
  readonly possiblyDuplicated: boolean;
  /** Default `null`. */
  readonly edited?: EditedInput | null;
  /** A point in time. While the row is `pending`, `ready` or `queued`, or waits for its map, `due` finds it then. Default `null`. */
  readonly deadlineAt?: number | null;
  /** Default 0. */
  readonly putOffMs?: number;
  /** Default 0. */
  readonly keyFence?: number;
  /**
   * While the row is `ready`: it waits for room in this line (see `HeldStore`), and `undispatched` does not find it. It keeps its place in the line
   * where it was in one before. Default `null`.
   */
  readonly heldIn?: LineRef | null;
  /**
   * `null`: not due by itself. Else the row is due this long after the commit (0: at once), by the store's clock;
   * `{ at }` is a point in time. `"keep"`: as it was. Fractions are rounded up; what is no time at all makes the entry `failed`.
   */
  readonly due: null | "keep" | { readonly inMs: number } | { readonly at: number };
  /** `undefined`: unchanged. */
  readonly input?: Json;
  readonly output?: Json;
  /** Kept as `errorJson` writes it, here and in attempts. */
  readonly error?: ErrorRecord | null;
  /** Of the dead letter that this write opens. Default: empty. */
  readonly fingerprint?: string;
  /** The message that resolves the dead letter which this write resolves, and who sent it. */
  readonly resolution?: { readonly id: string; readonly by: string | null };
}

/** An event of the engine's own. Its id is the same whoever makes it. */
export interface Announcement {
  readonly workspace: string;
  readonly id: string;
  readonly name: string;
  readonly payload: Json;
  /** See `NewEvent`. */
  readonly chain: readonly string[];
}

export interface AttemptWrite {
  readonly node: string;
  readonly item: number;
  readonly fence: number;
  readonly attempt: number;
  readonly error: ErrorRecord;
}

/** One run's next state. The store writes all of it or nothing. */
export interface CommitEntry {
  readonly runId: string;
  /** The `seq` that the decision was made on; the run's is one higher afterwards. 0 with `start`. */
  readonly seq: number;
  /** The run is new. Where its id exists already the verdict is `moved`, also for the very same entry sent twice. */
  readonly start?: NewRun;
  /** The version that the run has from now on. `undefined`: as before. Not with `start`. */
  readonly version?: number;
  readonly status: RunStatus;
  readonly paused: boolean;
  readonly cancelled: boolean;
  /** Once true it stays true. */
  readonly compensate: boolean;
  readonly deadLetters: number;
  /** The run came to rest: `finishedAt` is set (and stays, where it was set); else it is cleared. */
  readonly finished: boolean;
  /** `undefined`: unchanged. */
  readonly output?: Json;
  /** How many more bytes the run's values have from now on. Default 0. */
  readonly bytes?: number;
  readonly nodes: readonly NodeWrite[];
  readonly attempts: readonly AttemptWrite[];
  /** Inbox rows that this decision used up: gone, but their ids are still `repeated`. Unknown ids mean nothing. */
  readonly consumed: readonly string[];
  /** Inbox rows that this decision has seen and keeps. */
  readonly kept: readonly string[];
  /** A child came to rest with this, or to another one: whoever started it is to be told. Default: it did not. */
  readonly endsChild?: "node" | "item";
  /** The names of the events that the run can take from now on, for `listeners`. `undefined`: as before; a new run has none. */
  readonly listens?: readonly string[];
  /** One per map at most, but for an `end` or `compensated` beside another. */
  readonly maps?: readonly MapWrite[];
  readonly items?: readonly ItemWrite[];
  /** At most one per node, and no key is claimed twice. */
  readonly actionKeys?: readonly ActionKeyWrite[];
  /**
   * Published with the entry, each where a trigger of its workspace or a run that waits asks for its name; nothing of the others is kept.
   * Default: none.
   */
  readonly announces?: readonly Announcement[];
  /** Only of a run whose workflow limits them. */
  readonly gate?: GateWrite;
}

/**
 * `committed`: durable. `locked`: somebody else holds the run's row; the same entry may be tried again.
 * `moved`: the run's `seq` is another one (said even where it is locked too); load and decide again. `gone`: no such run.
 * `locked` is also a start whose key another start is just taking; `taken` one whose key belongs to a run (see `Store.key`).
 * `full`: a start takes a place at its gate, and there is none for it; where another start is just taking one it is `locked`.
 * `contended`: a key of an action is not as the entry takes it to be (see `ActionKeyWrite`), or somebody is just taking it; look at
 * the key and decide again.
 * `failed`: this entry alone cannot be written (a value that the store refuses); nothing of it was.
 */
export type Verdict =
  | { readonly type: "committed"; readonly seq: number }
  | { readonly type: "locked" }
  | { readonly type: "moved" }
  | { readonly type: "gone" }
  | { readonly type: "taken" }
  | { readonly type: "contended" }
  | { readonly type: "full" }
  | { readonly type: "failed"; readonly error: unknown };
