/**
 * The store: what the engine demands of whatever keeps the truth. PostgreSQL in production, memory in `flowforge/testing`;
 * both pass `storeContract`. Values cross this border as JSON; times as milliseconds since 1970 by the store's own clock.
 *
 * Two rules carry everything else:
 * - a run's row has a counter `seq`; a commit names the `seq` it was decided on and is refused when the run has moved since;
 * - whoever is not deciding writes to the inbox (`append`), which raises `seq` blindly, so that whoever decides next must look.
 */
import type { WorkflowDocument } from "../definition/document.ts";
import type { Json } from "../json.ts";
import type { AppendResult, InboxMessage, ListenerQuery, StoredMessage } from "./message.ts";
import type { ItemWrite, MapStore, MapWrite } from "./maps.ts";
import type { CredentialStore } from "./credentials.ts";
import type { MemoStore } from "./memos.ts";
import type { KeyStore, StartKey } from "./keys.ts";
import type { DeadLetter, DeadLetterFilter, DeadLetterGroup, DeadLetterPage } from "./dead-letter.ts";
import type { TransactionStore } from "./transactions.ts";
import type { ErrorRecord } from "../run/event.ts";
import type { FailureState, NodeStatus, RunStatus, WaitReason } from "../run/state.ts";

// ---------------------------------------------------------------- what is stored

export interface RunHeader {
  /** A UUID, in lower case. No run has another kind of id: `gone`, `unknown_run`, `null`; a start with one is `failed`. */
  readonly id: string;
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
  readonly status: RunStatus;
  readonly paused: boolean;
  readonly cancelled: boolean;
  /** What succeeded is to be undone, is being undone, or has been. */
  readonly compensate: boolean;
  /** The compare-and-set counter. */
  readonly seq: number;
  /** Id of the trigger node that fired. */
  readonly trigger: string;
  readonly deadLetters: number;
  readonly labels: { readonly [name: string]: string };
  /** Id of the run that this one repeats. */
  readonly rerunOf: string | null;
  readonly createdAt: number;
  /** When its status was first another one than `queued`. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

export interface NodeRecord {
  readonly node: string;
  /** Place in the mapped list; -1 for a node that does not map. */
  readonly item: number;
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
  /** Its input was given by hand: as it came, or as the action's schema has taken it since. `null`: it comes from the template. */
  readonly edited: EditedInput | null;
  readonly deadlineAt: number | null;
  readonly putOffMs: number;
  readonly keyFence: number;
  readonly dueAt: number | null;
  /** Of the commit that made it `queued`, or raised its fence or `dispatches` as such; else `null`. */
  readonly dispatchedAt: number | null;
  /** Of the commit that made it `running` under its present fence, or the last one under which it ran. */
  readonly startedAt: number | null;
  /** Of the commit that ended it; `null` while it has not ended. */
  readonly finishedAt: number | null;
  /** The run's `seq` when this row last changed. */
  readonly seq: number;
  readonly error: ErrorRecord | null;
}

export type EditedInput = "given" | "accepted";

/** A run as it is in the store. Values only where they were asked for. */
export interface StoredRun {
  readonly header: RunHeader;
  /** All rows but those of items, or only those newer than `since`. A node without a row is `pending`. */
  readonly nodes: readonly NodeRecord[];
  /** In the order of arrival. */
  readonly inbox: readonly StoredMessage[];
  readonly input?: Json;
  readonly triggerPayload?: Json;
  /** Of the run; absent where it has none. */
  readonly output?: Json;
  /** By node id; holds what was asked for and exists. That of a map is the list of what its items gave so far. */
  readonly outputs: ReadonlyMap<string, Json>;
}

export interface LoadRequest {
  readonly runId: string;
  /** Only node rows that changed after this `seq`. Default 0: all. */
  readonly since?: number;
  /** Also `input` and `triggerPayload`. */
  readonly withInput?: boolean;
  /** Also the run's `output`. */
  readonly withOutput?: boolean;
  /** Also the outputs of these nodes, where they have one. */
  readonly outputs?: readonly string[];
}

// ---------------------------------------------------------------- commits

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
  /** A point in time. While the row is `pending`, `ready` or `queued`, `due` finds it then. Default `null`. */
  readonly deadlineAt?: number | null;
  /** Default 0. */
  readonly putOffMs?: number;
  /** Default 0. */
  readonly keyFence?: number;
  /**
   * `null`: not due by itself. Else the row is due this long after the commit (0: at once), by the store's clock;
   * `{ at }` is a point in time. `"keep"`: as it was. Fractions are rounded up; what is no time at all makes the entry `failed`.
   */
  readonly due: null | "keep" | { readonly inMs: number } | { readonly at: number };
  /** `undefined`: unchanged. */
  readonly input?: Json;
  readonly output?: Json;
  readonly error?: ErrorRecord | null;
  /** Of the dead letter that this write opens. Default: empty. */
  readonly fingerprint?: string;
  /** The message that resolves the dead letter which this write resolves, and who sent it. */
  readonly resolution?: { readonly id: string; readonly by: string | null };
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
  readonly nodes: readonly NodeWrite[];
  readonly attempts: readonly AttemptWrite[];
  /** Inbox rows that this decision used up: gone, but their ids are still `repeated`. Unknown ids mean nothing. */
  readonly consumed: readonly string[];
  /** Inbox rows that this decision has seen and keeps. */
  readonly kept: readonly string[];
  /** The names of the events that the run can take from now on, for `listeners`. `undefined`: as before; a new run has none. */
  readonly listens?: readonly string[];
  /** One per map at most, but for an `end` or `compensated` beside another. */
  readonly maps?: readonly MapWrite[];
  readonly items?: readonly ItemWrite[];
}

/**
 * `committed`: durable. `locked`: somebody else holds the run's row; the same entry may be tried again.
 * `moved`: the run's `seq` is another one (said even where it is locked too); load and decide again. `gone`: no such run.
 * `locked` is also a start whose key another start is just taking; `taken` one whose key belongs to a run (see `Store.key`).
 * `failed`: this entry alone cannot be written (a value that the store refuses); nothing of it was.
 */
export type Verdict =
  | { readonly type: "committed"; readonly seq: number }
  | { readonly type: "locked" }
  | { readonly type: "moved" }
  | { readonly type: "gone" }
  | { readonly type: "taken" }
  | { readonly type: "failed"; readonly error: unknown };

// ---------------------------------------------------------------- workers and maintenance

export interface NodeRef {
  readonly runId: string;
  readonly node: string;
  readonly item: number;
  readonly fence: number;
}

export interface DispatchRef extends NodeRef {
  readonly dispatches: number;
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
}

export interface WorkerInfo {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly lanes: readonly string[];
  readonly concurrency: number;
}

export interface Beat {
  /** `false`: somebody declared this worker dead; whatever it holds belongs to others. */
  readonly alive: boolean;
  /** The store's time when it answered. */
  readonly now: number;
  /** Runs with a `running` node run of this worker that are cancelled or have an unseen `cancel` in the inbox. */
  readonly cancelled: readonly string[];
}

// ---------------------------------------------------------------- definitions and lists

export interface WorkflowVersion {
  readonly workspace: string;
  readonly name: string;
  readonly version: number;
  readonly checksum: string;
  readonly document: WorkflowDocument;
  readonly createdAt: number;
}

export interface RunFilter {
  readonly workspace: string;
  readonly workflow?: string;
  readonly status?: readonly RunStatus[];
  /** The run has all of these. */
  readonly labels?: { readonly [name: string]: string };
  /** This time or later. */
  readonly createdAfter?: number;
  /** Earlier than this time. */
  readonly createdBefore?: number;
  /** Opaque; from the page before. */
  readonly cursor?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly cursor: string | null;
}

export interface NodeRunDetail extends NodeRecord {
  readonly input: Json | undefined;
  readonly output: Json | undefined;
}

export interface AttemptRecord extends AttemptWrite {
  /** `startedAt` of the node run before the commit that recorded the attempt. */
  readonly startedAt: number | null;
  readonly finishedAt: number;
}

export interface RunDetail {
  readonly header: RunHeader;
  readonly input: Json;
  readonly output: Json | undefined;
  /** In no particular order; without the items of maps. */
  readonly nodes: readonly NodeRunDetail[];
  /** In the order in which they were recorded. */
  readonly attempts: readonly AttemptRecord[];
}

export interface Store extends KeyStore, MapStore, MemoStore {
  readonly credentials: CredentialStore;

  /**
   * One batch, one statement or transaction where the store can; one verdict per entry, in order. Waits for nobody. Rejects
   * with `internal`, and writes nothing, where a run id comes twice.
   */
  commit(entries: readonly CommitEntry[]): Promise<readonly Verdict[]>;
  /**
   * The locked path: locks the run's row, lets `decide` look at it, and writes what it returns (`null`: nothing) in the same
   * transaction. `decide` gets `null` when the run does not exist. Waits for the lock, so it ends however hot the run is.
   * While `decide` works, others see the run as it was, their commits are `locked` and their messages wait. What `decide` throws
   * passes through. An entry for another run is `internal`.
   */
  commitLocked(
    request: LoadRequest,
    decide: (run: StoredRun | null) => Promise<CommitEntry | null>,
  ): Promise<Verdict | null>;
  /** For actions whose writes and result are one commit; `null`: this store has none. */
  readonly transactions: TransactionStore<Store["commitLocked"]> | null;
  /** In the order of the requests; `null`: no such run. The same run may be asked for twice. */
  load(requests: readonly LoadRequest[]): Promise<readonly (StoredRun | null)[]>;
  /** The stored (rendered) inputs of node runs, in the order of the references. */
  inputs(refs: readonly NodeRef[]): Promise<readonly (Json | undefined)[]>;
  /** Messages from outside, all or none of a call. Each one `stored` raises its run's `seq` by one in the same transaction. */
  append(messages: readonly InboxMessage[]): Promise<readonly AppendResult[]>;

  /** Runs of a workspace that listen for an event, by id, after this one. A run is one as long as its last `listens` says so. */
  listeners(query: ListenerQuery): Promise<readonly string[]>;

  /** Registers a worker under an id that was never used before; rejects where it was. */
  register(worker: WorkerInfo): Promise<{ readonly now: number }>;
  beat(workerId: string): Promise<Beat>;
  /** The worker has ended in an orderly way. Node runs it still holds are orphans from now on. */
  deregister(workerId: string): Promise<void>;
  /** Workers that nobody declared dead (however old their heartbeat is), for sharing out room. */
  liveWorkers(): Promise<number>;
  /** Every node run that is `running` under this worker. */
  roll(workerId: string): Promise<readonly NodeRef[]>;
  /** Declares workers whose heartbeat is older than `leaseMs` dead, and returns `running` node runs whose worker is dead or missing. */
  reap(options: { readonly leaseMs: number; readonly limit: number }): Promise<readonly NodeRef[]>;

  /**
   * `waiting` rows that are due and `pending`, `ready` or `queued` ones whose deadline has passed, those with the oldest time first; none of a
   * paused run, whose timers fire when it is resumed.
   */
  due(limit: number): Promise<readonly NodeRef[]>;
  /** `ready` rows that are not held back by a later `due` or a pause of their run; those that could start longest first. */
  undispatched(limit: number): Promise<readonly DispatchRef[]>;
  /** `queued` rows that were handed over before this time (not at it), oldest first. */
  lost(options: {
    readonly dispatchedBefore: number;
    readonly limit: number;
  }): Promise<readonly DispatchRef[]>;
  /** Runs that have had unseen messages (neither consumed nor kept) for longer than this, oldest first. */
  unread(options: { readonly olderThanMs: number; readonly limit: number }): Promise<readonly string[]>;

  now(): Promise<number>;

  /** Stores a version unless its checksum is known; returns the version that the checksum has. Versions are 1, 2, 3 ... */
  saveWorkflow(workspace: string, document: WorkflowDocument, checksum: string): Promise<WorkflowVersion>;
  /** None: the newest. */
  workflow(workspace: string, name: string, version?: number): Promise<WorkflowVersion | null>;
  /** Newest first. */
  workflowVersions(workspace: string, name: string): Promise<readonly WorkflowVersion[]>;
  /** The newest version of each, by name (in the order of code points). */
  workflows(workspace: string): Promise<readonly WorkflowVersion[]>;

  run(workspace: string, runId: string): Promise<RunDetail | null>;
  /** Newest first, by `createdAt` and then `id`. Rejects a limit or cursor that is none with `option_invalid`. */
  runs(filter: RunFilter): Promise<Page<RunHeader>>;

  /** Newest first, by `openedAt` and then `id`. Rejects a limit or cursor that is none with `option_invalid`. */
  deadLetters(filter: DeadLetterPage): Promise<Page<DeadLetter>>;
  /** The largest first, at most 1,000. */
  deadLetterGroups(filter: DeadLetterFilter): Promise<readonly DeadLetterGroup[]>;
}
