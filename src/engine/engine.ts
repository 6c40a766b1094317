/** The engine: what a host holds. It wires the parts together and owns their lives; decisions are made elsewhere. */
import type { ClientBase } from "pg";
import { workflowRun } from "../actions/workflow-run.ts";
import { ActionRegistry } from "../actions/registry.ts";
import type { Duration } from "../core/definition/document.ts";
import { parseDuration } from "../core/definition/duration.ts";
import type { Workflow } from "../core/definition/workflow.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Store } from "../core/ports/store.ts";
import type { Worker, WorkerCounts } from "../worker/worker.ts";
import type { WorkerOptions } from "../worker/worker-options.ts";
import { alertsForWorker } from "./alerts.ts";
import { ApprovalsApi } from "./approvals.ts";
import { AuditApi } from "./audit.ts";
import { BreakersApi, breakersForWorker } from "./breakers.ts";
import { DEFAULT_WORKSPACE } from "./call-options.ts";
import { childRuns, withChildren } from "./child-runs.ts";
import { credentialSource, CredentialsApi } from "./credentials.ts";
import type { Connect, Connections } from "./connect.ts";
import { DeadLettersApi } from "./dead-letters.ts";
import { type Health, healthOf, NOT_RUNNING } from "./health.ts";
import { engineWorker, type EngineWorkerParts } from "./engine-worker.ts";
import { EventParts } from "./event-parts.ts";
import type { EventsApi, Published } from "./events.ts";
import { type EngineEventMap, type EngineEventName, EngineEvents } from "./engine-events.ts";
import type { ParsedOptions } from "./options.ts";
import type { PublishOptions } from "./message-options.ts";
import { RunControl } from "./run-control.ts";
import { itemRuns, PollsApi } from "./polls.ts";
import { Quotas } from "./quotas.ts";
import { RunsApi } from "./runs.ts";
import { SchedulesApi, tickRuns } from "./schedules.ts";
import { Observation } from "./observation.ts";
import type { Stats, StatsOptions } from "./stats.ts";
import type { WorkersApi } from "./workers.ts";
import { StuckRuns } from "./stuck.ts";
import { tellItemLetter } from "./telling.ts";
import { OwnTransactions } from "./transactions.ts";
import { Signer } from "./signing.ts";
import { Watch } from "./watch.ts";
import { VersionMoves } from "./version-moves.ts";
import { WebhookIntake } from "./webhook-intake.ts";
import { WebhooksApi } from "./webhooks.ts";
import { WorkspacesApi } from "./workspaces.ts";
import { WorkflowsApi } from "./workflows.ts";

export interface EngineStartOptions {
  /** Claim and execute node runs in this process. Default true. */
  readonly work?: boolean;
  /** Run the maintenance loops in this process. At least one process must. Default true. */
  readonly maintain?: boolean;
  /** Create or upgrade the schema first. Default true. */
  readonly migrate?: boolean;
}

interface Running {
  readonly connections: Connections;
  readonly worker: Worker;
  readonly watch: Watch;
  readonly runs: RunsApi;
  readonly schedules: SchedulesApi;
  readonly webhooks: WebhooksApi;
  readonly events: EventParts;
  readonly transactions: OwnTransactions;
  readonly control: RunControl;
  readonly deadLetters: DeadLettersApi;
  readonly approvals: ApprovalsApi;
  readonly credentials: CredentialsApi;
  readonly workflows: WorkflowsApi;
  readonly observation: Observation;
  readonly audit: AuditApi;
  readonly stuck: StuckRuns;
}

export class Engine implements AsyncDisposable {
  readonly #options: ParsedOptions;
  readonly #connect: Connect;
  readonly #registry: ActionRegistry;
  readonly #own: ReadonlyMap<string, Workflow>;
  readonly #events: EngineEvents;
  #running: Running | null = null;
  #starting: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;

  /** @internal */
  constructor(options: ParsedOptions, connect: Connect) {
    this.#options = options;
    this.#connect = connect;
    const workflows = withChildren(options.workflows);
    this.#registry = new ActionRegistry([
      workflowRun,
      ...options.actions,
      ...workflows.flatMap((workflow) => workflow.actions),
    ]);
    this.#own = new Map(workflows.map((workflow) => [workflow.name, workflow]));
    this.#events = new EngineEvents(options.logger);
  }

  get workflows(): WorkflowsApi {
    return this.#parts("workflows").workflows;
  }

  get runs(): RunsApi {
    return this.#parts("runs").runs;
  }

  get approvals(): ApprovalsApi {
    return this.#parts("approvals").approvals;
  }

  get credentials(): CredentialsApi {
    return this.#parts("credentials").credentials;
  }

  get schedules(): SchedulesApi {
    return this.#parts("schedules").schedules;
  }

  get breakers(): BreakersApi {
    const { logger, breakers } = this.#options;
    const { store } = this.#parts("breakers").connections;
    return new BreakersApi({ store, logger, events: this.#events }, breakers);
  }

  get workspaces(): WorkspacesApi {
    const { connections, control, workflows, worker } = this.#parts("workspaces");
    const { workspaces: rules } = this.#options;
    return new WorkspacesApi({ ...connections, control, workflows, rules, book: worker.sharing.book });
  }

  get polls(): PollsApi {
    return new PollsApi(this.#parts("polls").connections.store);
  }

  get webhooks(): WebhooksApi {
    return this.#parts("webhooks").webhooks;
  }

  get workers(): WorkersApi {
    return this.#parts("workers").observation.workers;
  }

  get events(): EventsApi {
    return this.#parts("events").events.api;
  }

  get audit(): AuditApi {
    return this.#parts("audit").audit;
  }

  get stuck(): StuckRuns {
    return this.#parts("stuck").stuck;
  }

  get deadLetters(): DeadLettersApi {
    return this.#parts("deadLetters").deadLetters;
  }

  /**
   * Publishes an event in a workspace. It goes to every run under way whose workflow waits for an event of that name: each decides by
   * its wait's `match`, one that is not at its wait yet keeps the event for it, and runs that start later do not see it. Then it starts
   * a run of every workflow that is enabled and whose newest version has a trigger of that name with a `filter` that is true.
   *
   * When this resolves the event is stored, and reaches everything whatever happens to this process: up to 500 waits and 100 triggers by then,
   * more in the background. With an `id` the call may be repeated, after an error too: for 30 days nothing is done twice.
   *
   * Throws `option_invalid` (names that begin with `flowforge.` are the engine's own), `value_invalid`, `event_conflict`,
   * `idempotency_in_progress` (an open transaction has published this id), and with `tx` also what `runs.start` throws for it.
   */
  publish(event: string, payload: unknown = null, options: PublishOptions = {}): Promise<Published> {
    return this.#parts("publish").events.api.publish(event, payload, options);
  }

  /**
   * Opens a transaction on the engine's database, hands its client to `work` and commits what that did: the host's own writes, and
   * runs that are started with `tx`. Then these begin at once. Resolves with what `work` returns; what it throws passes through after a
   * rollback, and no run was ever there.
   *
   * At most 5 are open at once in a process, others wait. The server ends one in which nothing happens for 30 seconds. Do not end or keep the client.
   *
   * Throws `transaction_failed` where a statement failed and its error was caught, `postgres_unreachable`, and
   * `commit_outcome_unknown` where the connection broke at the commit.
   */
  transaction<T>(work: (tx: ClientBase) => Promise<T>): Promise<T> {
    return this.#parts("transaction").transactions.run(work);
  }

  /** This process's worker id, a new one at every start; `null` while it is not registered. */
  get workerId(): string | null {
    return this.#running?.worker.workerId ?? null;
  }

  /** What this process counted since its start. */
  get counts(): Readonly<WorkerCounts> {
    return { ...this.#parts("counts").worker.counts };
  }

  /**
   * Whether this process is alive and ready, and how PostgreSQL and the queue answer it. Never throws, and takes at most about two
   * seconds. For the probes of an orchestrator: restart on `live: false`, send nothing on `ready: false`.
   */
  async health(): Promise<Health> {
    const running = this.#running;
    if (!running) return NOT_RUNNING;
    const { store, scheduler } = running.connections;
    return healthOf({
      askStore: () => store.now(),
      askQueue: () => scheduler.depth(this.#options.lanes[0]!),
      worker: running.worker.pulse,
    });
  }

  /** How things stand, and how they went, in all and step by step: see docs/reference/stats.md. Throws `option_invalid`. */
  stats(options: StatsOptions = {}): Promise<Stats> {
    return this.#parts("stats").observation.stats.stats(options);
  }

  /** What has happened in this process and how things stand in all workspaces, as text for Prometheus. */
  metrics(): Promise<string> {
    return this.#parts("metrics").observation.prometheus();
  }

  /** Calls the listener for what this process sees. Returns a function that takes the listener off again. */
  on<Name extends EngineEventName>(name: Name, listener: (event: EngineEventMap[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Connects, brings the schema up to date, registers the workflows and begins to work. An API server that only starts runs
   * passes `{ work: false, maintain: false }`. A second call waits for the first.
   */
  start(options: EngineStartOptions = {}): Promise<void> {
    this.#starting ??= this.#start(options).catch((error: unknown) => {
      this.#starting = null;
      throw error;
    });
    return this.#starting;
  }

  /** Creates or upgrades the schema, without starting anything. */
  async migrate(): Promise<void> {
    if (this.#running) return this.#running.connections.migrate();
    const connections = await this.#connect(this.#options);
    try {
      await connections.migrate();
    } finally {
      await connections.close();
    }
  }

  /**
   * Takes no new work, lets running actions end, gives the rest back and closes what the engine opened. Ends within about
   * `timeout` (default: the option `worker.shutdownTimeout`), even when Redis does not answer.
   */
  stop(options: { readonly timeout?: Duration } = {}): Promise<void> {
    const { timeout } = options;
    const deadlineMs =
      timeout === undefined ? this.#options.shutdownMs : parseDuration(timeout, "stop({ timeout })");
    this.#stopping ??= this.#stop(deadlineMs).finally(() => {
      this.#stopping = null;
    });
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(options: EngineStartOptions): Promise<void> {
    const { work = true, maintain = true, migrate = true } = options;
    const connections = await this.#connect(this.#options);
    let running: Running | null = null;
    try {
      await (migrate ? connections.migrate() : connections.assertMigrated());
      running = this.#wire(connections);
      for (const workflow of this.#own.values()) await running.workflows.resolve(workflow, DEFAULT_WORKSPACE);
      await running.worker.start({ work, maintain });
      running.observation.start({ maintain });
      running.stuck.start({ maintain });
      this.#running = running;
    } catch (error) {
      // Some of its loops may go on already, and would for ever.
      await running?.worker
        .stop(0)
        .catch((stopping: unknown) =>
          this.#options.logger.warn({ error: stopping }, "a failed start left something behind"),
        );
      await connections.close();
      throw error;
    }
  }

  #wire(connections: Connections): Running {
    const { store, notifier, transactions, addJob } = connections;
    const { logger } = this.#options;
    const watch = new Watch(notifier, logger);
    const alerts = { store, logger, events: this.#events };
    const lazily = { table: () => worker.table, runs: () => runs, deadLetters: () => deadLetters };
    const children = childRuns({ store, ...lazily });
    const ticks = tickRuns({ runs: () => runs, control: () => control });
    const deliveries: WorkerOptions["deliveries"] = { finish: (delivery) => intake.finish(delivery) };
    const own = new OwnTransactions(transactions, logger);
    const around = { store, logger, transactions, own, tell: this.#events, worker: () => worker, addJob };
    const events = new EventParts({ ...around, runs: () => runs, control: () => control });
    const onItemLetter = tellItemLetter(alerts);
    const observation: Observation = new Observation(this.#options, connections, {
      worker: () => worker,
      onItemLetter,
    });
    const telling = { ...breakersForWorker(this.#options, alerts), ...alertsForWorker(alerts) };
    const parts = { children, ticks, deliveries, ...telling, ...events.forWorker, ...observation.forWorker };
    const worker: Worker = this.#worker({ connections, watch, ...parts, items: itemRuns(() => runs) });
    const workflows = new WorkflowsApi({
      store,
      stats: observation.stats,
      plans: worker.plans,
      versions: worker.versions,
      own: this.#own,
      actions: this.#registry,
    });
    const control = new RunControl({ store, table: worker.table });
    const audit = new AuditApi({ store, logger, rules: this.#options.audit });
    const base = { store, worker, watch, workflows, quotas: new Quotas(store, worker.sharing.book) };
    const runs: RunsApi = new RunsApi({ ...base, control, transactions, own, observation });
    const credentials = credentialSource(this.#options.resolveCredential, connections.vault, logger);
    const intake = new WebhookIntake({ ...base, runs, logger, credentials });
    const deadLetters: DeadLettersApi = new DeadLettersApi({
      store,
      worker,
      audit,
      registry: this.#registry,
      moves: new VersionMoves({ worker, workflows }),
    });
    return {
      connections,
      worker,
      watch,
      runs,
      transactions: own,
      control,
      deadLetters,
      approvals: new ApprovalsApi({ store, control, clock: worker.clock, signer: this.#signer }),
      credentials: new CredentialsApi(connections.vault),
      schedules: new SchedulesApi({ store, runs }),
      webhooks: new WebhooksApi({ store, intake, logger }),
      events,
      workflows,
      observation,
      audit,
      stuck: this.#stuckRuns(store, worker),
    };
  }

  get #signer(): Signer {
    return new Signer("flowforge.approval.1", this.#options.signingKeys);
  }

  #worker(parts: Omit<EngineWorkerParts, "options" | "registry" | "engineEvents">): Worker {
    return engineWorker({
      ...parts,
      options: this.#options,
      registry: this.#registry,
      engineEvents: this.#events,
    });
  }

  #stuckRuns(store: Store, { plans }: Worker): StuckRuns {
    const { logger, stuckAfterMs: afterMs } = this.#options;
    return new StuckRuns({ store, logger, events: this.#events, plan: (key) => plans.get(key), afterMs });
  }

  async #stop(deadlineMs: number): Promise<void> {
    await this.#starting?.catch(() => {});
    const running = this.#running;
    this.#running = null;
    this.#starting = null;
    if (!running) return;
    running.events.close();
    void running.stuck.stop();
    await running.worker.stop(deadlineMs);
    await running.stuck.stop();
    await running.observation.stop(() => running.audit.flush());
    await running.connections.close();
  }

  #parts(what: string): Running {
    if (this.#running) return this.#running;
    throw new FlowForgeError("engine_not_started", {
      subject: `engine.${what}`,
      next: "Call await engine.start() first.",
    });
  }
}
