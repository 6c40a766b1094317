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
import type { AuditStore } from "./audit.ts";
import type { AppendResult, InboxMessage, ListenerQuery } from "./message.ts";
import type { MapCounts, MapRef, MapStore } from "./maps.ts";
import type { EventStore } from "./events.ts";
import type { AttemptWrite, CommitEntry, Verdict } from "./commit.ts";
import type { CredentialStore } from "./credentials.ts";
import type { MemoStore } from "./memos.ts";
import type { ActionKeyStore } from "./action-keys.ts";
import type { GateStore } from "./gates.ts";
import type { ChildStore } from "./children.ts";
import type { KeyStore } from "./keys.ts";
import type { LimitStore } from "./limits.ts";
import type { HeldStore } from "./held.ts";
import type { Buckets, PlaceStore, QuotaStore } from "./allowances.ts";
import type { DeadLetter, DeadLetterFilter, DeadLetterGroup, DeadLetterPage } from "./dead-letter.ts";
import type { RetentionStore } from "./retention.ts";
import type { PollStore } from "./polls.ts";
import type { BreakerStore } from "./breakers.ts";
import type { FeedStore } from "./feed.ts";
import type { ScheduleStore } from "./schedules.ts";
import type { StuckStore } from "./stuck.ts";
import type { TransactionStore } from "./transactions.ts";
import type { TriggerStore } from "./triggers.ts";
import type { WebhookStore } from "./webhooks.ts";
import type { WorkspaceStore } from "./workspaces.ts";
import type { LoadRequest, NodeRecord, RunHeader, StoredRun } from "./stored-run.ts";
import type { NodeStatus, RunStatus } from "../run/state.ts";

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

/** A `queued` row. */
export interface QueuedRef extends DispatchRef {
  readonly dispatchedAt: number;
}

export interface LostQuery {
  /** Not at it. */
  readonly dispatchedBefore: number;
  /** Nor before this. None: from the oldest on. */
  readonly dispatchedFrom?: number;
  readonly limit: number;
}

export interface WorkerInfo {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly lanes: readonly string[];
  /** Names of those that it can run; empty: it only maintains. None: it does not tell. */
  readonly actions?: readonly string[];
  readonly concurrency: number;
  /** How long it may be silent. None: it does not tell, and whoever judges it takes its own. */
  readonly leaseMs?: number;
}

/** Times of the store between which a worker's heartbeats were answered without a gap in which others could have fallen silent too. */
export interface Watch {
  readonly since: number;
  readonly until: number;
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

/** What there is to know of a version beside the definition. */
export type VersionHead = Pick<WorkflowVersion, "version" | "checksum" | "createdAt">;

export interface ListedWorkflow extends WorkflowVersion {
  /** `false`: none of its triggers starts a run. */
  readonly enabled: boolean;
}

export interface RunFilter {
  readonly workspace: string;
  readonly workflow?: string;
  readonly status?: readonly RunStatus[];
  /** The run has all of these. */
  readonly labels?: { readonly [name: string]: string };
  /** Id of the run whose children are wanted. */
  readonly parent?: string;
  /**
   * A text that the class, code or message of an error of the run has: of a failed attempt, or of a dead letter, of a node or an item.
   * No character has a meaning of its own; case does not count for a to z, for other letters as the store has it. Without control
   * characters, and not empty.
   */
  readonly error?: string;
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
  /** About how many bytes its values have in all; those of commits and messages with less than 1 KiB are not counted. See `limits.runBytes`. */
  readonly bytes: number;
  /** In no particular order; without the items of maps. */
  readonly nodes: readonly NodeRunDetail[];
  /** In the order in which they were recorded. */
  readonly attempts: readonly AttemptRecord[];
}

export interface MapQuery extends MapRef {
  readonly workspace: string;
  /** Only items in one of these. */
  readonly status?: readonly NodeStatus[];
  /** Only items behind this place. Default -1: all. */
  readonly after?: number;
  /** 1 or more. */
  readonly limit: number;
}

export interface MapPage {
  /** Of the whole map. */
  readonly counts: MapCounts;
  /** By place. Those that no worker has claimed yet are no rows, and are left out. `dueAt`: when it is run again. */
  readonly items: readonly NodeRunDetail[];
}

export interface Store extends ActionKeyStore, ChildStore, GateStore, KeyStore, MapStore, MemoStore {
  readonly credentials: CredentialStore;
  readonly triggers: TriggerStore;
  readonly schedules: ScheduleStore;
  readonly polls: PollStore;
  readonly webhooks: WebhookStore;
  readonly retention: RetentionStore;
  readonly workspaces: WorkspaceStore;
  readonly events: EventStore;
  readonly feed: FeedStore;
  readonly audit: AuditStore;
  readonly limits: LimitStore;
  readonly buckets: Buckets;
  readonly quotas: QuotaStore;
  readonly places: PlaceStore;
  readonly held: HeldStore;
  readonly breakers: BreakerStore;
  readonly stuck: StuckStore;

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
  /**
   * Actions that some workers have and others lack, with the part of the workers that have them: above 0 and below 1. Of those workers that
   * nobody declared dead and that told at least one action.
   */
  scarceActions(): Promise<ReadonlyMap<string, number>>;
  /** Every node run that is `running` under this worker. */
  roll(workerId: string): Promise<readonly NodeRef[]>;
  /**
   * Declares workers dead that were silent for longer than a lease (`leaseMs` or their own, whichever is longer) of the time that the caller has
   * watched, and returns `running` node runs whose worker is dead or missing. However late the store gets to it, it judges by `watch` and
   * not by the time it has by then: a call that hung in a standstill knows nothing of what nobody could tell meanwhile.
   */
  reap(options: {
    readonly leaseMs: number;
    readonly watch: Watch;
    readonly limit: number;
  }): Promise<readonly NodeRef[]>;

  /**
   * `waiting` rows that are due and `pending`, `ready` or `queued` ones and maps whose deadline has passed, those with the oldest time first; none of a
   * paused run, whose timers fire when it is resumed.
   */
  due(limit: number): Promise<readonly NodeRef[]>;
  /** `ready` rows that are not held back by a later `due` or a pause of their run; those that could start longest first. */
  undispatched(limit: number): Promise<readonly DispatchRef[]>;
  /** `queued` rows that were handed over in a span of time, oldest first. */
  lost(query: LostQuery): Promise<readonly QueuedRef[]>;
  /** Runs that have had unseen messages (neither consumed nor kept) for longer than this, oldest first. */
  unread(options: { readonly olderThanMs: number; readonly limit: number }): Promise<readonly string[]>;

  now(): Promise<number>;

  /**
   * Stores a version unless its checksum is known; returns the version that the checksum has. Versions are 1, 2, 3 ... A
   * new one is the newest, and its triggers are those of the workflow from then on.
   */
  saveWorkflow(workspace: string, document: WorkflowDocument, checksum: string): Promise<WorkflowVersion>;
  /** None: the newest. */
  workflow(workspace: string, name: string, version?: number): Promise<WorkflowVersion | null>;
  /** The same without the definition: what is asked where a copy of it may be at hand. */
  versionHead(workspace: string, name: string, version?: number): Promise<VersionHead | null>;
  /** Newest first. */
  workflowVersions(workspace: string, name: string): Promise<readonly WorkflowVersion[]>;
  /** The newest version of each, by name (in the order of code points). */
  workflows(workspace: string): Promise<readonly ListedWorkflow[]>;
  /** `false`: there is no such workflow. It is one when it is first saved, and stays what it is with another version. */
  enableWorkflow(workspace: string, name: string, enabled: boolean): Promise<boolean>;

  run(workspace: string, runId: string): Promise<RunDetail | null>;
  /** Newest first, by `createdAt` and then `id`. Rejects a limit or cursor that is none with `option_invalid`. */
  runs(filter: RunFilter): Promise<Page<RunHeader>>;
  /** The items of a map. `null`: the workspace has no such run, or the run has not begun such a map. */
  mapPage(query: MapQuery): Promise<MapPage | null>;

  /** Newest first, by `openedAt` and then `id`. Rejects a limit or cursor that is none with `option_invalid`. */
  deadLetters(filter: DeadLetterPage): Promise<Page<DeadLetter>>;
  /** The largest first, at most 1,000. */
  deadLetterGroups(filter: DeadLetterFilter): Promise<readonly DeadLetterGroup[]>;
}
