/**
 * The store in memory: for unit tests and simulations, never for production. It passes the same contract as PostgreSQL's.
 *
 * Invariants:
 * - a call takes effect as a whole within one turn of the loop, and its answer comes later, as from a server; only
 *   `commitLocked` lasts, and holds its run meanwhile;
 * - nothing that a caller holds is part of the store: values are kept as JSON text, records are frozen copies;
 * - time is the clock that was passed in, so a simulated day needs no waiting.
 */
import type { Json } from "../core/json.ts";
import type { AppendResult, InboxMessage } from "../core/ports/message.ts";
import type {
  ClaimedItem,
  ClaimedItems,
  ClaimItems,
  FinishedItems,
  IdleMap,
  ItemResult,
  MapRef,
} from "../core/ports/maps.ts";
import type { ActionKeyRef, ActionKeyState, KeyOwner, KeyWaiter } from "../core/ports/action-keys.ts";
import type { GateRef } from "../core/ports/gates.ts";
import type { CommitEntry, Verdict } from "../core/ports/commit.ts";
import type { Beat, DispatchRef, LostQuery, NodeRef, QueuedRef } from "../core/ports/store.ts";
import type { RunDetail, Store, WorkerInfo } from "../core/ports/store.ts";
import type { LoadRequest, StoredRun } from "../core/ports/stored-run.ts";
import { BucketTable, HeldTable, PlaceTable, QuotaTable } from "./memory-store/admission-table.ts";
import { ActionKeyTable } from "./memory-store/action-key-table.ts";
import { assertText, prepare, write } from "./memory-store/commit-entry.ts";
import { BreakerTable } from "./memory-store/breaker-table.ts";
import { ofChildren, withChildren } from "./memory-store/item-children.ts";
import { forgetChildEnds, itemChildEnds, tellParents } from "./memory-store/child-ends.ts";
import { AuditTable } from "./memory-store/audit-table.ts";
import { CredentialTable } from "./memory-store/credential-table.ts";
import { EventTable } from "./memory-store/event-table.ts";
import { GateTable } from "./memory-store/gate-table.ts";
import { KeyTable } from "./memory-store/key-table.ts";
import { LimitTable } from "./memory-store/limit-table.ts";
import { mapPage } from "./memory-store/map-items.ts";
import { MapTable } from "./memory-store/map-table.ts";
import { MemoTable } from "./memory-store/memo-table.ts";
import { appendMessage } from "./memory-store/inbox.ts";
import { assertDistinct, foreignEntry } from "./memory-store/entry-checks.ts";
import { parsed } from "./memory-store/json-text.ts";
import { RunLocks } from "./memory-store/run-locks.ts";
import { listeningRuns, runDetail, runPage, storedRun } from "./memory-store/run-queries.ts";
import { nodeKey, Tables, type MemoryNode, type MemoryRun } from "./memory-store/tables.ts";
import { nodeRef, WorkerTable } from "./memory-store/worker-table.ts";
import { StuckTable } from "./memory-store/stuck-table.ts";
import { RetentionTable } from "./memory-store/retention-table.ts";
import { PollTable } from "./memory-store/poll-table.ts";
import { ScheduleTable } from "./memory-store/schedule-table.ts";
import { TriggerTable } from "./memory-store/trigger-table.ts";
import { WebhookTable } from "./memory-store/webhook-table.ts";
import { WorkspaceTable } from "./memory-store/workspace-table.ts";
import { WorkflowTable } from "./memory-store/workflow-table.ts";

export interface MemoryStoreOptions {
  /** The store's clock, in milliseconds since 1970. Default: the computer's. */
  readonly clock?: { now(): number };
}

/** A new, empty store. It holds everything that it was ever given; throw it away with the test. */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options.clock ?? { now: () => Date.now() });
}

class MemoryStore implements Store {
  /** There is no database that an action could write to. */
  readonly transactions = null;
  readonly #clock: { now(): number };
  readonly #tables = new Tables();
  readonly #locks = new RunLocks();
  readonly #workers = new WorkerTable(this.#tables);
  readonly #workflows = new WorkflowTable();
  readonly #keys = new KeyTable(this.#tables);
  readonly #actionKeys = new ActionKeyTable(this.#tables);
  readonly #gates = new GateTable(this.#tables);
  readonly #memos = new MemoTable(this.#tables);
  readonly #maps = new MapTable(this.#tables);
  readonly triggers: TriggerTable = new TriggerTable(this.#workflows);
  readonly schedules: ScheduleTable = new ScheduleTable(this.#workflows, () => this.#now());
  readonly polls: PollTable = new PollTable({
    workflows: this.#workflows,
    now: () => this.#now(),
    isAlive: (worker) => this.#workers.isAlive(worker),
  });
  readonly webhooks: WebhookTable = new WebhookTable(() => this.#now());
  readonly stuck: StuckTable = new StuckTable({
    tables: this.#tables,
    workers: this.#workers,
    now: () => this.#now(),
  });
  readonly retention: RetentionTable = new RetentionTable({
    tables: this.#tables,
    now: () => this.#now(),
    isHeld: (runId) => this.#locks.isHeld(runId),
    others: [this.#memos, this.#gates, this.#actionKeys, this.stuck],
  });
  readonly events: EventTable = new EventTable({
    workflows: this.#workflows,
    tables: this.#tables,
    now: () => this.#now(),
  });
  readonly feed: Store["feed"] = this.#tables.feed.store(() => this.#now());
  readonly audit: AuditTable = new AuditTable(() => this.#now());
  readonly limits: LimitTable = new LimitTable(() => this.#now());
  readonly buckets: BucketTable = new BucketTable(() => this.#now());
  readonly quotas: QuotaTable = new QuotaTable(this.#tables, () => this.#now());
  readonly places: PlaceTable = new PlaceTable({
    now: () => this.#now(),
    isAlive: (worker) => this.#workers.isAlive(worker),
  });
  readonly held: HeldTable = new HeldTable(this.#tables, () => this.#workers.capacity());
  readonly breakers: BreakerTable = new BreakerTable(() => this.#now());
  readonly credentials: CredentialTable = new CredentialTable(() => this.#now());
  readonly workspaces: WorkspaceTable = new WorkspaceTable({
    tables: this.#tables,
    retention: this.retention,
    credentials: this.credentials,
    settings: [this.limits, this.buckets, this.quotas, this.places, this.breakers],
    rows: [
      ["schedules", this.schedules.ofWorkspaces],
      ["polls", this.polls.ofWorkspaces],
      ["versions", this.#workflows],
      ["deliveries", this.webhooks.ofWorkspaces],
      ["events", this.events.ofWorkspaces],
      ["deliveries", this.audit.ofWorkspaces],
      ["keys", this.#keys.ofWorkspaces],
      ["keys", this.#actionKeys.ofWorkspaces],
    ],
  });

  constructor(clock: { now(): number }) {
    this.#clock = clock;
  }

  async commit(entries: readonly CommitEntry[]): Promise<readonly Verdict[]> {
    assertDistinct(entries);
    const now = this.#now();
    return entries.map((entry) => this.#commitOne(entry, { now, isHolder: false }));
  }

  commitLocked(
    request: LoadRequest,
    decide: (run: StoredRun | null) => Promise<CommitEntry | null>,
  ): Promise<Verdict | null> {
    return this.#locks.hold(request.runId, async () => {
      const entry = await decide(this.#load(request));
      if (entry === null) return null;
      if (entry.runId !== request.runId) throw foreignEntry(request.runId, entry.runId);
      return this.#commitOne(entry, { now: this.#now(), isHolder: true });
    });
  }

  async load(requests: readonly LoadRequest[]): Promise<readonly (StoredRun | null)[]> {
    return requests.map((request) => this.#load(request));
  }

  async inputs(refs: readonly NodeRef[]): Promise<readonly (Json | undefined)[]> {
    return refs.map((ref) => parsed(this.#tables.runs.get(ref.runId)?.nodes.get(nodeKey(ref))?.input));
  }

  async append(messages: readonly InboxMessage[]): Promise<readonly AppendResult[]> {
    // Copied before the wait: what the caller does to its objects meanwhile is not part of the message.
    const copies = messages.map(({ runId, id, workspace, body, size }) => {
      assertText(id);
      return {
        runId,
        id,
        workspace,
        size: size ?? { bytes: 0, limit: 0 },
        kind: body.kind,
        body: JSON.stringify(body),
      };
    });
    const ids = copies.map((message) => message.runId);
    // Nothing may be awaited between the last look and the write: somebody would take the lock in between.
    for (let held = this.#locks.holdOf(ids); held !== undefined; held = this.#locks.holdOf(ids)) await held;
    const now = this.#now();
    return copies.map(({ runId, workspace, size, ...message }) => {
      const run = this.#tables.runs.get(runId);
      if (!run || (workspace !== undefined && run.header.workspace !== workspace)) return "unknown_run";
      return appendMessage(this.#tables, run, {
        message: { ...message, kept: false, receivedAt: now },
        size,
      });
    });
  }

  readonly listeners: Store["listeners"] = async (query) => listeningRuns(this.#tables.runs.values(), query);

  async register(worker: WorkerInfo): Promise<{ readonly now: number }> {
    const now = this.#now();
    this.#workers.register(worker, now);
    return { now };
  }

  async beat(workerId: string): Promise<Beat> {
    return this.#workers.beat(workerId, this.#now());
  }

  readonly deregister: Store["deregister"] = async (id) => this.#workers.deregister(id, this.#now());

  readonly liveWorkers: Store["liveWorkers"] = async () => this.#workers.live();

  readonly scarceActions: Store["scarceActions"] = async () => this.#workers.scarceActions();

  readonly roll: Store["roll"] = async (workerId) => this.#workers.roll(workerId);

  readonly reap: Store["reap"] = async (options) => this.#workers.reap(options, this.#now());

  async due(limit: number): Promise<readonly NodeRef[]> {
    return this.#tables.due.find({ until: this.#now(), limit, where: isNotPaused }).map(nodeRef);
  }

  async undispatched(limit: number): Promise<readonly DispatchRef[]> {
    return this.#tables.ready.find({ until: this.#now(), limit, where: isNotPaused }).map(dispatchRef);
  }

  async lost({ dispatchedBefore, dispatchedFrom = 0, limit }: LostQuery): Promise<readonly QueuedRef[]> {
    const isWithin = ({ record }: MemoryNode): boolean => record.dispatchedAt! >= dispatchedFrom;
    const found = this.#tables.queued.find({ until: lastBefore(dispatchedBefore), limit, where: isWithin });
    return found.map((node) => ({ ...dispatchRef(node), dispatchedAt: node.record.dispatchedAt! }));
  }

  async unread(options: {
    readonly olderThanMs: number;
    readonly limit: number;
  }): Promise<readonly string[]> {
    const until = lastBefore(this.#now() - options.olderThanMs);
    return this.#tables.unread.find({ until, limit: options.limit }).map((run) => run.header.id);
  }

  async claimItems(request: ClaimItems): Promise<ClaimedItems> {
    return this.#maps.claim(request, this.#now());
  }

  async finishItems(map: MapRef, results: readonly ItemResult[]): Promise<FinishedItems> {
    return this.#maps.finish(map, results, this.#now());
  }

  async itemStates(
    map: MapRef,
    refs: readonly { readonly item: number; readonly fence: number }[],
  ): Promise<readonly ClaimedItem[]> {
    return this.#maps.states(map, refs);
  }

  async itemOutputs(map: MapRef, items: readonly number[]): ReturnType<Store["itemOutputs"]> {
    return this.#maps.outputs(map, items);
  }

  readonly itemsWithChildren: Store["itemsWithChildren"] = async ({ runId, node }, page) =>
    withChildren(this.#tables.runs.get(runId), node, page);

  readonly itemsOfChildren: Store["itemsOfChildren"] = async ({ runId, node }, refs) =>
    ofChildren(this.#tables.runs.get(runId), node, refs);

  async failedItems(map: MapRef, limit: number): ReturnType<Store["failedItems"]> {
    return this.#maps.failed(map, limit);
  }

  async idleMaps(options: { readonly quietMs: number; readonly limit: number }): Promise<readonly IdleMap[]> {
    return this.#maps.idle(options, this.#now());
  }

  readonly itemChildEnds: Store["itemChildEnds"] = async (limit) => itemChildEnds(this.#tables, limit);

  readonly forgetChildEnds: Store["forgetChildEnds"] = async (ends) => forgetChildEnds(this.#tables, ends);

  async tellParents(limit: number): Promise<readonly string[]> {
    return tellParents(this.#tables, {
      limit,
      now: this.#now(),
      isHeld: (runId) => this.#locks.isHeld(runId),
    });
  }

  readonly memos: Store["memos"] = async (ref) => this.#memos.all(ref);

  readonly saveMemo: Store["saveMemo"] = async (ref, name, value) => this.#memos.save(ref, name, value);

  readonly key: Store["key"] = async (ref) => this.#keys.holder(ref, this.#now());

  readonly expireKeys: Store["expireKeys"] = async (limit) => this.#keys.expire(limit, this.#now());

  async actionKeys(refs: readonly ActionKeyRef[]): Promise<readonly (ActionKeyState | null)[]> {
    return refs.map((ref) => this.#actionKeys.state(ref, this.#now()));
  }

  async heldKeys(owners: readonly KeyOwner[]): Promise<readonly (string | null)[]> {
    return owners.map((owner) => this.#actionKeys.held(owner));
  }

  async takeKeyWaiters(owners: readonly KeyOwner[]): Promise<readonly KeyWaiter[]> {
    return this.#actionKeys.takeWaiters(owners);
  }

  async expireActionKeys(limit: number): Promise<number> {
    return this.#actionKeys.expire(limit, this.#now());
  }

  async admit(gates: readonly GateRef[]): ReturnType<Store["admit"]> {
    const runIds = this.#gates.runsAt(gates);
    for (let held = this.#locks.holdOf(runIds); held !== undefined; held = this.#locks.holdOf(runIds))
      await held;
    return this.#gates.admit(gates, this.#now());
  }

  async waitingGates(page: Parameters<Store["waitingGates"]>[0]): Promise<readonly GateRef[]> {
    return this.#gates.waiting(page, this.#now());
  }

  async now(): Promise<number> {
    return this.#now();
  }

  readonly saveWorkflow: Store["saveWorkflow"] = async (workspace, document, checksum) =>
    this.#workflows.save({ workspace, document, checksum, createdAt: this.#now() });

  readonly workflow: Store["workflow"] = async (workspace, name, version) =>
    this.#workflows.get(workspace, name, version);

  readonly versionHead: Store["versionHead"] = async (...of) => this.#workflows.head(...of);

  readonly workflowVersions: Store["workflowVersions"] = async (workspace, name) =>
    this.#workflows.versions(workspace, name);

  readonly workflows: Store["workflows"] = async (workspace) => this.#workflows.list(workspace);

  readonly enableWorkflow: Store["enableWorkflow"] = async (workspace, name, enabled) =>
    this.#workflows.enable({ workspace, name, enabled });

  async run(workspace: string, runId: string): Promise<RunDetail | null> {
    const run = this.#tables.runs.get(runId);
    return run?.header.workspace === workspace ? runDetail(run) : null;
  }

  readonly mapPage: Store["mapPage"] = async (query) => mapPage(this.#tables.runs.get(query.runId), query);

  readonly runs: Store["runs"] = async (filter) => runPage(this.#tables, filter);

  readonly deadLetters: Store["deadLetters"] = async (filter) =>
    this.#tables.deadLetters.page(this.#tables.runs, filter);

  readonly deadLetterGroups: Store["deadLetterGroups"] = async (filter) =>
    this.#tables.deadLetters.groups(filter);

  #now(): number {
    return Math.floor(this.#clock.now());
  }

  #load(request: LoadRequest): StoredRun | null {
    const run = this.#tables.runs.get(request.runId);
    return run ? storedRun(run, request) : null;
  }

  /** `isHolder`: the committer holds the run's lock. */
  #commitOne(entry: CommitEntry, by: { readonly now: number; readonly isHolder: boolean }): Verdict {
    const run = this.#tables.runs.get(entry.runId) ?? null;
    if (run === null && !entry.start) return { type: "gone" };
    if (run !== null && (entry.start || run.header.seq !== entry.seq)) return { type: "moved" };
    if (run !== null && !by.isHolder && this.#locks.isHeld(entry.runId)) return { type: "locked" };
    if (entry.start && this.#gates.isFull(entry, by.now)) return { type: "full" };
    if (entry.start && this.#keys.isTaken(entry.start, by.now)) return { type: "taken" };
    const { actionKeys = [] } = entry;
    if (this.#actionKeys.isRefused(entry.runId, actionKeys, by.now)) return { type: "contended" };
    try {
      this.#actionKeys.assertWritable(actionKeys);
      this.#gates.assertWritable(entry.gate);
      const prepared = prepare(entry, run, by.now);
      if (entry.start) this.#keys.take(entry.start, entry.runId, by.now);
      write(this.#tables, prepared);
      this.#actionKeys.write(prepared.run, actionKeys, by.now);
      this.#gates.write(entry, prepared.run, by.now);
      this.events.say(entry.announces ?? []);
      for (const item of entry.items ?? []) this.#maps.resolve(prepared.run, item, by.now);
      this.#maps.write(prepared.run, entry.maps ?? [], by.now);
      return { type: "committed", seq: entry.seq + 1 };
    } catch (error) {
      return { type: "failed", error };
    }
  }
}

function isNotPaused({ run }: { readonly run: MemoryRun }): boolean {
  return !run.header.paused;
}

function dispatchRef(node: MemoryNode): DispatchRef {
  const { workspace, workflow, version } = node.run.header;
  return { ...nodeRef(node), dispatches: node.record.dispatches, workspace, workflow, version };
}

/** Times are whole milliseconds: the last one that is earlier than this. */
function lastBefore(time: number): number {
  return Math.ceil(time) - 1;
}
