/** `engine.runs`: starting runs and finding them again. */
import { setImmediate as turn } from "node:timers/promises";
import { workflowRunInput } from "../actions/workflow-run.ts";
import { parseDuration } from "../core/definition/duration.ts";
import type { Workflow } from "../core/definition/workflow.ts";
import type { Json } from "../core/json.ts";
import { RUN_WORKFLOW } from "../core/graph/plan.ts";
import type { Page, RunDetail } from "../core/ports/store.ts";
import type { RunHeader } from "../core/ports/stored-run.ts";
import type { ChildStart } from "../worker/child-opener.ts";
import {
  type CancelOptions,
  type InWorkspace,
  keyedStartSchema,
  keySchema,
  type ListOptions,
  listSchema,
  type MapItemsOptions,
  type RerunOptions,
  rerunSchema,
  runFilter,
  type RunQuery,
  type SignalOrStartOptions,
  type StartOptions,
  startSchema,
  workspaceOf,
} from "./call-options.ts";
import type { BulkResult } from "./bulk-result.ts";
import { dispatchRun } from "./dispatch-run.ts";
import { assertMessageName, type MessageOptions } from "./message-options.ts";
import { mapItems, type MapItems } from "./map-items.ts";
import type { RunLogLine, RunLogs, RunLogsOptions } from "./run-logs.ts";
import type { RunControl } from "./run-control.ts";
import { type Behind, throughDoor } from "./quota-door.ts";
import type { Quotas } from "./quotas.ts";
import { rerunOf, takenOver } from "./rerun.ts";
import { RunExpiredError } from "./run-errors.ts";
import { RunHandle, type RunHandleParts } from "./run-handle.ts";
import { keyRef } from "./start-key.ts";
import { NewRuns } from "./new-runs.ts";
import type { FiredStart, Firing, PreparedStart } from "./prepared-start.ts";
import { assertDepth, versionGone } from "./start-checks.ts";
import { startRun, type StartParts } from "./start-run.ts";
import { startTime } from "./start-time.ts";
import type { OwnTransactions } from "./transactions.ts";
import type { Watch } from "./watch.ts";
import type { WorkflowsApi } from "./workflows.ts";

export interface RunsParts extends StartParts {
  readonly watch: Watch;
  readonly workflows: WorkflowsApi;
  readonly control: RunControl;
  readonly own: OwnTransactions;
  readonly quotas: Quotas;
  readonly observation: StartParts["observation"] & { readonly runLogs: RunLogs };
}

/** When a run begins that is only stored to be cancelled. */
const NEVER = new Date("9999-01-01");

/** What a workflow takes. Any JSON: whatever the caller has, for it is checked anyway. */
type InputOf<W> =
  W extends Workflow<infer Input, infer _Output> ? (Json extends Input ? unknown : Input) : unknown;
type OutputOf<W> = W extends Workflow<infer _Input, infer Output> ? Output : Json;

export class RunsApi {
  readonly #parts: RunsParts;
  readonly #newRuns: NewRuns;

  /** @internal */
  constructor(parts: RunsParts) {
    this.#parts = parts;
    this.#newRuns = new NewRuns(parts.worker);
  }

  /**
   * Starts a run. When this resolves, the run is durable: it goes on whatever happens to this process. While PostgreSQL is
   * away it waits, because nobody can know whether the run was stored, and ends when the server is back or the engine stops.
   *
   * With an `idempotencyKey` that is known it gives the run that has the key, and stores nothing.
   *
   * With `tx` the run is part of the caller's transaction: it begins after the commit, at once with `handle.dispatch()` and else
   * within about a second, and after a rollback there never was one. What the server refuses there (such as 40001 for a key that
   * somebody else took, where the transaction is not READ COMMITTED) is thrown as the driver gives it, and undoes nothing but the start.
   *
   * Throws `option_invalid`, `duration_invalid`, `workflow_not_found`, `input_invalid`, `trigger_required`, `value_invalid`, `run_not_stored`,
   * `idempotency_conflict` (the key was used with another input), `run_expired` (its run was deleted since) and `idempotency_in_progress` (a transaction that started a run
   * with this key was still open after 10 seconds); where the workflow limits its runs, `concurrency_key_invalid` and, with
   * `onLimit: "reject"`, `concurrency_limit_reached`; where the workspace has quotas, `quota_exceeded` with `retryAfterMs`; with `tx` also `transaction_invalid` (none is open on it) and
   * `transaction_foreign` (it is on another database).
   */
  async start<W extends Workflow | string>(
    workflow: W,
    options: StartOptions<InputOf<W>> = {},
  ): Promise<RunHandle<OutputOf<W>>> {
    return this.#begin(await this.#prepare(workflow, options, "runs.start"));
  }

  /** Starts many runs in a few commits. All options, inputs and quotas are checked before the first run is stored. */
  async startMany<W extends Workflow | string>(
    workflow: W,
    starts: readonly StartOptions<InputOf<W>>[],
  ): Promise<readonly RunHandle<OutputOf<W>>[]> {
    const prepared: PreparedStart[] = [];
    for (const options of starts) {
      // Others in this process have their turn in between, however many these are.
      if (prepared.length % 100 === 99) await turn();
      prepared.push(await this.#prepare(workflow, options, "runs.startMany"));
    }
    return throughDoor(this.#parts, prepared, (each) => this.#store<OutputOf<W>>(each));
  }

  /** A handle to a run that exists already. Its methods throw `run_not_found` where it does not. */
  handle(runId: string, options: InWorkspace = {}): RunHandle {
    return this.#handle(runId, { workspace: workspaceOf(options, "runs.handle"), workflow: "" });
  }

  /**
   * The run that was started with this key, or `null` where the key is free: never used, or so by a run that ended more than 30
   * days ago. Throws `option_invalid`, and `run_expired` where the run was deleted since.
   */
  async getByKey<W extends Workflow | string>(
    key: string,
    options: InWorkspace & { readonly workflow: W },
  ): Promise<RunHandle<OutputOf<W>> | null> {
    const workspace = workspaceOf({ ...options, key } as InWorkspace, "runs.getByKey", keySchema);
    const name = nameOf(options.workflow);
    const holder = await this.#parts.store.key(keyRef(workspace, name, key));
    if (holder?.isRunGone)
      throw new RunExpiredError(`idempotency key ${JSON.stringify(key)} of workflow "${name}"`, holder.runId);
    return holder && this.#handle(holder.runId, { workspace, workflow: name });
  }

  /**
   * Sends a signal to the run that has this key; where there is none, starts it first and then signals it. `input` counts
   * only for a start. The call may be repeated after an error; with an `id` the run takes the signal once all the same.
   *
   * Throws what `start` and `signal` throw; `run_finished` where the run that has the key is at rest.
   */
  async signalOrStart<W extends Workflow | string>(
    workflow: W,
    options: SignalOrStartOptions<InputOf<W>>,
  ): Promise<RunHandle<OutputOf<W>>> {
    const { key, signal: name, payload = null, id, ...start } = options;
    assertMessageName("signal", name);
    this.#newRuns.input(payload, nameOf(workflow));
    workspaceOf(start, "runs.signalOrStart", keyedStartSchema);
    const found = await this.getByKey(key, { workflow, workspace: options.workspace });
    const starting = { ...start, idempotencyKey: key } as StartOptions;
    const run =
      found ??
      (await this.#begin<OutputOf<W>>({
        ...(await this.#prepare(workflow, starting, "runs.signalOrStart")),
        anyInput: true,
      }));
    const message = { name, payload, options: { workspace: run.workspace, id } };
    await this.#parts.control.signal(run.id, message);
    return run;
  }

  /** What the run's actions wrote with `ctx.logger`, page by page, in the order in which it was stored. Throws `option_invalid`. */
  logs(runId: string, options: RunLogsOptions = {}): Promise<Page<RunLogLine>> {
    return this.#parts.observation.runLogs.page(runId, options);
  }

  /** The whole run, or `null` where the workspace has none of this id. */
  async get(runId: string, options: InWorkspace = {}): Promise<RunDetail | null> {
    return this.#parts.store.run(workspaceOf(options, "runs.get"), runId);
  }

  /**
   * The items of a map (an action with `forEach`) page by page, in the order of its list: what `runs.get` shows of a node, of each item
   * that was begun. `item` is its place, from 0; failed attempts are in `runs.get`. An action that undoes a map has the id of
   * that node and `$compensate`, and the places of those items that had succeeded.
   *
   * Throws `run_not_found`, and `option_invalid` for a node that is no map.
   */
  items(runId: string, node: string, options: MapItemsOptions = {}): Promise<MapItems> {
    const { store, worker } = this.#parts;
    return mapItems({ store, plans: worker.plans }, { runId, node }, options);
  }

  /** Runs of a workspace, the newest first, page by page. */
  async list(options: ListOptions = {}): Promise<Page<RunHeader>> {
    const filter = runFilter(options, "runs.list", listSchema);
    const { cursor, limit = 100 } = options;
    return this.#parts.store.runs({ ...filter, limit, ...(cursor === undefined ? {} : { cursor }) });
  }

  /**
   * Ends a run. What does not run yet is cancelled at once; actions that run are told through their `signal`, have 30 seconds
   * to end, and what they answer is recorded. Resolves when the run was told; `handle.result()` then rejects with
   * `RunCancelledError` as soon as nothing runs any more. A failed run can be cancelled too. Twice is once.
   *
   * `compensate`: what has succeeded is undone before the run is `cancelled`. A second call may ask for that as long as something runs.
   * A run that is undone because it failed goes on with it.
   *
   * Throws `run_not_found`, and `run_finished` for a run that succeeded.
   */
  cancel(runId: string, options?: CancelOptions): Promise<void>;
  /** Cancels every run that fits and is not at rest, or has one of the statuses that the filter names, in batches. */
  cancel(filter: RunQuery, options?: Pick<CancelOptions, "compensate">): Promise<BulkResult>;
  cancel(which: string | RunQuery, options: CancelOptions = {}): Promise<void | BulkResult> {
    return this.#parts.control.operate("cancel", which, options);
  }

  /**
   * Lets what runs end, and starts nothing new. Messages are kept, clocks go on; what falls due meanwhile happens at `resume`.
   * For a run that is paused, or being cancelled, it does nothing.
   *
   * Throws `run_not_found`, and `run_finished` for a run at rest.
   */
  pause(runId: string, options?: InWorkspace): Promise<void>;
  /** Pauses every run that fits and is under way, in batches. */
  pause(filter: RunQuery): Promise<BulkResult>;
  pause(which: string | RunQuery, options: InWorkspace = {}): Promise<void | BulkResult> {
    return this.#parts.control.operate("pause", which, options);
  }

  /** Lets a paused run go on; for another one it does nothing. Throws `run_not_found`, and `run_finished` for a run at rest. */
  resume(runId: string, options?: InWorkspace): Promise<void>;
  /** Resumes every paused run that fits, in batches. */
  resume(filter: RunQuery): Promise<BulkResult>;
  resume(which: string | RunQuery, options: InWorkspace = {}): Promise<void | BulkResult> {
    return this.#parts.control.operate("resume", which, options);
  }

  /**
   * Starts the run once more: a new run of the same version, trigger, input and labels, with `rerunOf` in its header. Its
   * actions have other idempotency keys, so their effects happen again. The old run stays as it is, whatever its status.
   *
   * With `from` the nodes before that one are taken over as they ended, and do not run again: outputs, errors that an edge
   * handled, and messages of waits. Every other node runs.
   *
   * Throws `run_not_found`, `option_invalid` (no such node), `workflow_not_found` where the version is gone, `run_not_stored`,
   * `quota_exceeded` where the workspace may start no more for now, `concurrency_limit_reached` where the workflow has no room (with `from` whatever its `onLimit` says: what is taken over cannot
   * wait), and `rerun_refused` where a node before `from` has not ended, was given up or cancelled, or took a message for which
   * another node waits too.
   */
  async rerun(runId: string, options: RerunOptions = {}): Promise<RunHandle> {
    const workspace = workspaceOf(options, "runs.rerun", rerunSchema);
    const { store, worker } = this.#parts;
    const start = await rerunOf(store, { runId, workspace });
    const plan = await worker.plans.get(start);
    if (!plan) throw versionGone(start);
    const { from } = options;
    const replay = from === undefined ? [] : await takenOver(store, plan, { runId, from });
    return this.#begin({ plan, start, first: { replay } });
  }

  /**
   * Sends a signal to one run: it wakes the first wait for a signal of that name, or is kept until the run comes to one. Durable
   * when this resolves. `repeated`: a message with this `id` had come before, and nothing was done.
   *
   * Throws `option_invalid`, `value_invalid`, `run_not_found`, `run_finished` for a run at rest, and `run_too_large` where the run has
   * no room for the payload.
   */
  // oxlint-disable-next-line max-params -- whom, what, with what, and how
  signal(
    runId: string,
    name: string,
    payload: unknown = null,
    options: MessageOptions = {},
  ): Promise<{ readonly repeated: boolean }> {
    return this.#parts.control.signal(runId, { name, payload, options });
  }

  /**
   * Starts a run for a node of another one; where it is there already, nothing is done.
   * @internal
   */
  async startChild({ runId, workspace, parent, chain, request, parked }: ChildStart): Promise<void> {
    assertDepth(parent, this.#parts.worker.table.limits.childDepth);
    const { workflow, version, ...options } = workflowRunInput.parse(request);
    const at = parked ? NEVER : undefined;
    const starting = { ...options, workspace, at } as StartOptions;
    const prepared = await this.#prepare(workflow, starting, RUN_WORKFLOW, version, { chain });
    await startRun(this.#parts, { ...prepared, runId, start: { ...prepared.start, parent } });
  }

  /** Throws what `start` throws before anything is stored. @internal */
  async prepareFired(start: FiredStart, call: string): Promise<PreparedStart> {
    const { workflow, version, headers, firedAt, event, chain, ...options } = start;
    const fired = { headers, firedAt, event, chain };
    return this.#prepare(workflow, options as StartOptions, call, version, fired);
  }

  /** Where it is there already, nothing is done. @internal */
  async startPrepared(prepared: PreparedStart): Promise<RunHandle> {
    const { runId } = await startRun(this.#parts, prepared);
    return this.#handle(runId, prepared.start);
  }

  // oxlint-disable-next-line max-params -- what, how, for whom, the newest version unless another one is named, and fired by what
  async #prepare(
    workflow: Workflow | string,
    options: StartOptions,
    call: string,
    wanted?: number,
    fired: Firing = {},
  ): Promise<PreparedStart> {
    const workspace = workspaceOf(options, call, startSchema);
    const version = await this.#parts.workflows.resolve(workflow, workspace, wanted);
    const plan = this.#parts.worker.plans.put(version);
    const at = startTime(options.at, call);
    const { deadline } = options;
    const deadlineMs =
      deadline === undefined ? undefined : parseDuration(deadline, `option "deadline" of ${call}`);
    const start = this.#newRuns.make({ version, plan, workflow, options, at, fired });
    const { tx } = options;
    return { plan, start, first: { at, deadlineMs }, ...(tx === undefined ? {} : { tx }) };
  }

  /** From outside. */
  async #begin<Output>(prepared: PreparedStart): Promise<RunHandle<Output>> {
    const [run] = await throughDoor(this.#parts, [prepared], (each) => this.#store<Output>(each));
    return run!;
  }

  async #store<Output>(prepared: PreparedStart): Promise<Behind<RunHandle<Output>>> {
    const { start, tx } = prepared;
    const { own } = this.#parts;
    const { runId, isKnown } = await startRun(this.#parts, prepared);
    if (tx === undefined) return { run: this.#handle(runId, start), isKnown };
    const run = this.#handle<Output>(runId, { ...start, pledge: own.pledge(tx) });
    own.note(tx, run);
    return { run, isKnown };
  }

  #handle<Output>(
    id: string,
    of: Pick<RunHandleParts, "workspace" | "workflow" | "pledge">,
  ): RunHandle<Output> {
    const { workspace, workflow, pledge } = of;
    const { store, watch, worker, control } = this.#parts;
    const isUnderWay = (runId: string): boolean => worker.table.get(runId)?.idle === false;
    return new RunHandle<Output>({
      id,
      workspace,
      workflow,
      store,
      watch,
      isUnderWay,
      loader: worker.loader,
      control,
      dispatch: (run) => dispatchRun(worker, run),
      ...(pledge ? { pledge } : {}),
    });
  }
}

function nameOf(workflow: Workflow | string): string {
  return typeof workflow === "string" ? workflow : workflow.name;
}
