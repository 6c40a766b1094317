/**
 * The runs that this process has something to do with, and what happens once one of their turns is durable: claims are
 * executed, what is for others goes to the queue, whoever waits is told.
 *
 * A run that has nothing to do here stays for a while, so that its next task finds it in memory; its state may be old then,
 * which the commit finds out (`moved`) and a short reload mends.
 */
import type { ActionRegistry } from "../actions/registry.ts";
import type { Outbound } from "../core/definition/outbound.ts";
import type { CodeRunner } from "../security/sandbox/sandbox.ts";
import type { Plan, PlanNode } from "../core/graph/plan.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { NewRun } from "../core/ports/commit.ts";
import type { NodeRef, Store } from "../core/ports/store.ts";
import type { NodeRecord } from "../core/ports/stored-run.ts";
import type { Task } from "../core/ports/scheduler.ts";
import type { Limits } from "../core/values.ts";
import type { AdmissionParts } from "./admission/run-admission.ts";
import { Admissions } from "./admissions.ts";
import { ActiveRun } from "./active-run.ts";
import type { Breakers } from "./breakers/breakers.ts";
import { Children } from "./children.ts";
import type { StoreClock } from "./clock.ts";
import type { Committer } from "./committer.ts";
import { isResting } from "./resting.ts";
import type { RunEnvironment } from "./environment.ts";
import { Execution } from "./execution.ts";
import { gateIfAny, isMoveAtGate } from "./gate.ts";
import type { CredentialSource } from "./grants.ts";
import type { Loader } from "./loader.ts";
import { Maps } from "./maps/maps.ts";
import type { AttemptLoggers, Moved, Observer } from "./observer.ts";
import { tellMoved } from "./observing.ts";
import { RestingRuns } from "./resting-runs.ts";
import type { Outgoing } from "./outgoing.ts";
import type { RunTableOptions } from "./run-table-options.ts";
import { type KeyWaitersOptions, tellKeyWaiters } from "./key-waiters.ts";
import { tasksOf } from "./tasks.ts";
import { Peers } from "./peers.ts";
import { tellDue } from "./put-off.ts";
import type { Plans } from "./plans.ts";
import { type FirstCommit, startedEvent } from "./first-commit.ts";
import type { Intent, IntentResult, Workshop } from "./intent.ts";
import { hasKeys } from "./turn-keys.ts";
import type { Turn } from "./turn.ts";
import type { Claim } from "./turn-result.ts";

export class RunTable implements RunEnvironment<ActiveRun> {
  readonly store: Store;
  readonly loader: Loader;
  readonly committer: Committer;
  readonly plans: Plans;
  readonly registry: ActionRegistry;
  readonly limits: Limits;
  readonly clock: StoreClock;
  readonly logger: Logger;
  readonly outbound: Outbound;
  readonly outgoing: Outgoing;
  readonly sandbox: CodeRunner;
  readonly credentials: CredentialSource;
  readonly random: () => number;
  readonly observer: Observer;
  readonly attemptLogs: AttemptLoggers;
  readonly breakers: Breakers | null;
  readonly maps: Maps;
  readonly children: Children;
  readonly #options: RunTableOptions;
  readonly #runs = new Map<string, ActiveRun>();
  readonly #resting = new RestingRuns();
  readonly #lanes: ReadonlySet<string>;
  /** Executions whose host code has not ended. */
  readonly #executions = new Set<Execution>();
  readonly #keyWaiters: KeyWaitersOptions;
  readonly admissions: Admissions;
  readonly admission: AdmissionParts;
  readonly peers: Peers = new Peers();
  #workshop: Workshop | null = null;
  #stopped = false;

  constructor(options: RunTableOptions) {
    this.#options = options;
    this.store = options.store;
    this.loader = options.loader;
    this.committer = options.committer;
    this.plans = options.plans;
    this.registry = options.registry;
    this.limits = options.limits;
    this.clock = options.clock;
    this.logger = options.logger;
    this.outbound = options.outbound;
    this.outgoing = options.outgoing;
    this.sandbox = options.sandbox;
    this.credentials = options.credentials;
    this.random = options.random;
    this.observer = options.observer;
    this.attemptLogs = options.attemptLogs;
    this.admission = options.admission;
    this.breakers = options.breakers;
    this.#lanes = new Set(options.lanes);
    this.maps = this.#newMaps();
    this.children = new Children({
      env: this,
      runs: options.children,
      submit: (ref, make) => this.submitFor(ref, make),
    });
    const look = (runId: string): void => void this.submit(runId, { type: "look" });
    const { store, logger } = this;
    this.admissions = new Admissions({ store, logger, look, pause: (ms) => this.pause(ms) });
    this.#keyWaiters = { store, logger, look };
  }

  // ------------------------------------------------------------------ for the rest of the process

  /** From now on nodes may be claimed here, under this id; `null`: no longer. */
  workAs(workerId: string | null): void {
    const { slots, inline } = this.#options;
    this.#workshop =
      workerId === null
        ? null
        : {
            workerId,
            lanes: this.#lanes,
            inline,
            take: (workspace, wanted) => slots.take(workspace, wanted),
            refuse: (use) => this.breakers?.refuse(use) ?? null,
            share: (ready) => this.peers.share(ready),
            having: (action) => this.peers.having(action, this.registry.has(action)),
          };
  }

  /** Stores a new run and starts what can start, not before `at`. Resolves when it is durable. */
  // oxlint-disable-next-line max-params -- whose, by what, with what, and how
  start(runId: string, plan: Plan, start: NewRun, first: FirstCommit = {}): Promise<IntentResult> {
    // One with an id that others can make, too (a child, a tick), and that is known here as stored was started before.
    if ((this.#runs.get(runId)?.seq ?? 0) > 0) return this.submit(runId, { type: "look" });
    const run = new ActiveRun(runId, this);
    run.begin(plan, start);
    this.#runs.set(runId, run);
    const started = this.#add(run, { type: "event", event: startedEvent(plan, start, first) }, null);
    // What is added in the same moment is one turn, and so one commit.
    for (const taken of first.replay ?? []) void this.#add(run, { type: "event", event: taken }, null);
    return started;
  }

  /** Takes an intent to a run. `place`: the sender brings room for one claim. */
  submit(runId: string, intent: Intent, place: string | null = null): Promise<IntentResult> {
    return this.#add(this.#get(runId), intent, place);
  }

  /** An intent for a node that is known by name. Where the plan no longer has it, it is `gone`. */
  async submitFor(
    ref: { runId: string; node: string },
    make: (node: number, plan: Plan) => Intent | null,
  ): Promise<IntentResult> {
    const run = this.#get(ref.runId);
    if (!run.plan) await this.#add(run, { type: "look" }, null);
    const index = run.plan?.indexOf.get(ref.node);
    const intent = index === undefined ? null : make(index, run.plan!);
    return intent ? this.#add(run, intent, null) : "gone";
  }

  /** A task asks for a node run. The place that it brings is used, or given back. `isFromLine`: it was not in the queue. */
  async claim(task: Task, isFromLine = false): Promise<IntentResult> {
    if (task.item >= 0) {
      // The map takes the places that it finds.
      this.leave(task.workspace, 1);
      return (await this.maps.ticket(task)) ? "applied" : "stale";
    }
    const key = { workspace: task.workspace, workflow: task.workflow, version: task.version };
    const plan = this.plans.peek(key) ?? (await this.plans.get(key));
    const node = plan?.indexOf.get(task.node);
    if (!plan || node === undefined) {
      this.leave(task.workspace, 1);
      return "gone";
    }
    const run = this.#get(task.runId);
    run.expect(plan);
    const claim: Intent = { type: "claim", node, fence: task.fence, version: task.version, isFromLine };
    const result = await this.#add(run, claim, task.workspace);
    if (result === "applied")
      this.observer.taken({ ...task, trace: null }, Math.max(0, this.clock.now() - task.dispatchedAt));
    return result;
  }

  /** At the run's gate somebody has come or left: who waits there may come in. */
  askForRoom(runId: string): void {
    const run = this.#runs.get(runId);
    const gate = run?.plan && gateIfAny(run.plan, run.started);
    if (gate) this.admissions.ask([gate]);
  }

  get(runId: string): ActiveRun | undefined {
    return this.#runs.get(runId);
  }

  /** Whether this node run is executed here under this fence. */
  holds(ref: NodeRef): boolean {
    if (ref.item >= 0) return this.maps.holds(ref);
    const run = this.#runs.get(ref.runId);
    const index = run?.plan?.indexOf.get(ref.node);
    return index !== undefined && run!.held.get(index)?.fence === ref.fence;
  }

  /** Everything that is executed here. */
  held(): { run: ActiveRun; node: number; fence: number }[] {
    const all: { run: ActiveRun; node: number; fence: number }[] = [];
    for (const run of this.#runs.values()) {
      for (const [node, { fence }] of run.held) all.push({ run, node, fence });
    }
    return all;
  }

  /** Runs with a node here that another branch may call off: only the run itself says when. */
  racing(): readonly string[] {
    const racing = this.held().filter(({ run, node }) => run.plan!.nodes[node]!.race !== null);
    return [...new Set(racing.map(({ run }) => run.id))];
  }

  /** This process no longer owns what it holds (it was declared dead): every action is told, nothing is recorded. */
  abandon(): void {
    for (const run of this.#runs.values()) {
      for (const held of run.held.values()) held.interrupt();
      run.held.clear();
    }
    this.#runs.clear();
    this.#resting.clear();
    this.maps.abandon();
  }

  /** Resolves when no turn is under way. */
  async quiet(): Promise<void> {
    while ([...this.#runs.values()].some((run) => run.busy)) await new Promise(setImmediate);
    await this.maps.quiet();
    await this.admissions.idle();
    await this.children.quiet();
    await this.committer.idle();
  }

  /** Resolves when no host code runs any more. */
  async drained(): Promise<void> {
    while (this.#executions.size > 0)
      await Promise.race([...this.#executions].map((execution) => execution.done));
    await this.maps.drained();
  }

  /** From now on nobody waits for a store that does not answer. */
  stop(): void {
    this.#stopped = true;
  }

  // ------------------------------------------------------------------ for the runs

  workshop(): Workshop | null {
    return this.#workshop;
  }

  leave(workspace: string, places: number): void {
    if (places > 0) this.#options.slots.release(workspace, places);
    else if (places < 0) this.#options.slots.borrow(workspace, -places);
  }

  committed(run: ActiveRun, turn: Turn, advance: Moved): void {
    tellMoved(this.observer, run, { turn, moved: advance }, this.clock.now());
    for (const claim of turn.claims) this.#startClaim(run, claim);
    for (const retry of turn.retries) this.#retry(run, retry);
    for (const node of turn.aborts) run.held.get(node)?.cancel();
    this.breakers?.parked(run, turn, advance);
    // One that is called off may have nothing left to wait for.
    for (const node of new Set([...turn.opened, ...turn.aborts])) this.maps.opened(run, node);
    for (const order of turn.children) this.children.obey(run, order, turn.values.get(order.node)?.input);
    if (run.identity!.parent && isResting(advance.state.status)) this.#options.listener.childRested();
    if (turn.held.size > 0) this.#options.listener.held(run.identity!.workspace);
    if (turn.enqueued.size > 0) this.#handOver(run, turn, advance);
    tellDue(this.#options.listener, turn, advance);
    const settled = turn.actionKeys.flatMap(({ type, node }) =>
      type === "done" || type === "free" ? [node] : [],
    );
    if (settled.length > 0) void tellKeyWaiters(this.#keyWaiters, run.id, settled);
    if (isMoveAtGate(run.plan!, advance)) this.askForRoom(run.id);
    this.#options.listener.moved(run, turn, advance);
  }

  async adopt(run: ActiveRun, rows: readonly NodeRecord[]): Promise<void> {
    const refs = rows.map(({ node, item, fence }) => ({ runId: run.id, node, item, fence }));
    const inputs = await this.store.inputs(refs);
    const keys = hasKeys(run.plan!) ? await this.store.heldKeys(refs) : [];
    rows.forEach((row, index) => {
      const node = run.plan!.nodes[run.plan!.indexOf.get(row.node)!]!;
      const action = node.kind === "action" ? this.registry.get(node.action) : undefined;
      if (node.kind !== "action" || !action) return;
      this.logger.warn({ runId: run.id, node: row.node }, "a claim whose reply was lost is taken up");
      this.leave(run.identity!.workspace, -1);
      run.ended(-1);
      this.#execute(run, { ...row, node, action, input: inputs[index] ?? null, key: keys[index] ?? null }, 0);
    });
  }

  successor(run: ActiveRun, next: ActiveRun | null): ActiveRun {
    const known = this.#runs.get(run.id);
    if (known && known !== run && !next) return known;
    const successor = next ?? new ActiveRun(run.id, this);
    this.#runs.set(run.id, successor);
    this.#resting.delete(run.id);
    return successor;
  }

  rested(run: ActiveRun): void {
    if (!run.idle) return;
    this.#resting.delete(run.id);
    if (run.finished || run.seq === 0) {
      if (this.#runs.get(run.id) === run) this.#runs.delete(run.id);
      return;
    }
    for (const old of this.#resting.add(run.id, run.bytes))
      if (this.#runs.get(old)?.idle) this.#runs.delete(old);
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.#stopped ? 0 : ms));
  }

  stopped(): boolean {
    return this.#stopped;
  }

  #newMaps(): Maps {
    const { retry, slots, listener } = this.#options;
    return new Maps({
      env: this,
      retry,
      slots,
      children: this.#options.children,
      run: (runId, fresh) => this.#read(runId, fresh),
      send: (tasks) => listener.dispatch({ own: [], others: tasks }),
      workers: () => this.peers.live,
      onFenced: (run, node) => listener.fenced(run, node),
    });
  }

  /** The run as it is known here, or as it is now. */
  async #read(runId: string, fresh: boolean): Promise<ActiveRun | null> {
    const run = this.#get(runId);
    if (fresh || !run.plan) await this.#add(run, { type: "look" }, null);
    return run.plan ? run : null;
  }

  #get(runId: string): ActiveRun {
    let run = this.#runs.get(runId);
    if (!run) this.#runs.set(runId, (run = new ActiveRun(runId, this)));
    return run;
  }

  #add(run: ActiveRun, intent: Intent, place: string | null): Promise<IntentResult> {
    return new Promise((settle) => run.add({ intent, place, settle }));
  }

  #startClaim(run: ActiveRun, claim: Claim): void {
    const { index } = claim.node;
    if (this.#workshop && run.state!.nodes[index]!.worker === this.#workshop.workerId)
      return this.#execute(run, claim, 0);
    // Claimed under an id that this process has given up meanwhile: nothing was executed, so it goes back unharmed.
    this.leave(run.identity!.workspace, 1);
    run.ended();
    void this.#add(
      run,
      { type: "event", event: { type: "released", node: index, fence: claim.fence } },
      null,
    );
  }

  #execute(run: ActiveRun, claim: Claim, delayMs: number): void {
    const { retry, listener } = this.#options;
    const { node } = claim;
    const onFenced = (): void => listener.fenced(run, node.id);
    const execution = new Execution({ ...claim, env: this, run, retry, delayMs, onFenced });
    run.held.set(node.index, execution);
    this.#executions.add(execution);
    void execution.done.finally(() => this.#executions.delete(execution));
  }

  #retry(run: ActiveRun, retry: { node: number; fence: number; delayMs: number }): void {
    const before = run.held.get(retry.node);
    if (!(before instanceof Execution)) return;
    const state = run.state!.nodes[retry.node]!;
    this.#execute(run, { ...before.claim, ...state, fence: retry.fence }, retry.delayMs);
  }

  #handOver(run: ActiveRun, turn: Turn, advance: Moved): void {
    const dispatchedAt = Math.floor(this.clock.now());
    const isOwn = (node: PlanNode): boolean => this.#workshop?.inline === true && this.#canRun(node);
    this.#options.listener.dispatch(tasksOf(run, turn, advance, { dispatchedAt, isOwn }));
  }

  #canRun(node: PlanNode): boolean {
    return node.kind === "action" && this.#lanes.has(node.lane) && this.registry.has(node.action);
  }
}
