/**
 * The worker: everything that one process does for runs. It is made of parts that know nothing of each other: the table of
 * active runs, the committer, the intake of tasks, the lease, and the maintenance loops that every process runs without a leader.
 */
import type { ItemChildEnd } from "../core/ports/children.ts";
import type { ActionRegistry } from "../actions/registry.ts";
import type { NodeRef } from "../core/ports/store.ts";
import type { Task } from "../core/ports/scheduler.ts";
import type { ActiveRun } from "./active-run.ts";
import { Sharing } from "./admission/sharing.ts";
import { Backlog } from "./backlog.ts";
import type { Breakers } from "./breakers/breakers.ts";
import { newBreakers } from "./breakers/new-breakers.ts";
import { StoreClock } from "./clock.ts";
import { Committer } from "./committer.ts";
import { Intake } from "./intake.ts";
import type { Intent } from "./intent.ts";
import { Lease } from "./lease.ts";
import { Loader } from "./loader.ts";
import { Loop } from "./loop.ts";
import { childrenRound } from "./loops/children.ts";
import { eventsRound } from "./loops/events.ts";
import { maintenanceRounds } from "./loops/maintenance.ts";
import { lossOf } from "./loops/reaper.ts";
import { polling } from "./loops/poller.ts";
import { dispatcherRound } from "./loops/dispatcher.ts";
import { timerRound } from "./loops/timer.ts";
import { observed } from "./observing.ts";
import { Outbox } from "./outbox.ts";
import type { Polls } from "./polls.ts";
import { Plans } from "./plans.ts";
import { Versions } from "./versions.ts";
import { RollCall } from "./roll-call.ts";
import { RunTable } from "./run-table.ts";
import { Slots } from "./slots.ts";
import { NO_ITEM } from "./turn-result.ts";
import { within } from "./within.ts";
import type { WorkerOptions } from "./worker-options.ts";

export interface WorkerCounts {
  /** Late answers that were refused by their fence. */
  fenced: number;
  /** Times this process was declared dead. */
  deaths: number;
  /** Tasks that were sent again because the queue had lost them. */
  resent: number;
}

export class Worker {
  readonly table: RunTable;
  readonly committer: Committer;
  readonly loader: Loader;
  readonly versions: Versions;
  readonly plans: Plans;
  readonly sharing: Sharing;
  readonly clock: StoreClock = new StoreClock();
  readonly counts: WorkerCounts = { fenced: 0, deaths: 0, resent: 0 };
  readonly #options: WorkerOptions;
  readonly #registry: ActionRegistry;
  readonly #slots: Slots;
  readonly #lease: Lease;
  readonly #intake: Intake;
  readonly #outbox: Outbox;
  readonly #backlog: Backlog;
  readonly #rollCall = new RollCall();
  readonly #timer: Loop;
  readonly #dispatcher: Loop;
  readonly #children: Loop;
  readonly #events: Loop;
  #childRestedAt = -Infinity;
  #loops: Loop[] = [];
  #polls: Polls | null = null;
  readonly #breakers: Breakers | null;
  #breakerLoop: Loop | null = null;
  #works = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#registry = options.registry;
    const { store, scheduler, logger, lanes } = options;
    this.#slots = new Slots(options.concurrency);
    this.committer = new Committer(store, { onBatch: (batch) => options.observer.batch(batch) });
    this.loader = new Loader(store);
    this.versions = new Versions({ ...options, cache: options.definitions });
    this.plans = new Plans({ versions: this.versions, observer: options.observer });
    const workers = (): number => this.table.peers.live;
    this.sharing = new Sharing({ ...options, workers, loop: (name, round) => this.#loop(name, round) });
    this.#outbox = new Outbox(scheduler, logger);
    this.#breakers = newBreakers(options, {
      now: () => this.clock.now(),
      room: () => this.#slots.free,
      submit: (ref, make) => this.table.submitFor(ref, make),
      wake: () => this.#breakerLoop?.wakeIn(0),
    });
    this.table = this.#newTable();
    this.#backlog = new Backlog({
      slots: this.#slots,
      claim: (task, isFromLine) => this.#claim(task, isFromLine),
      send: (tasks) => this.#outbox.send(tasks),
      hold: (task) => this.#hold(task),
      workers,
      turns: this.sharing.turns,
      gauge: this.sharing.gauge,
      onGone: (task) => this.sharing.gone(task),
    });
    this.#slots.onChange(() => this.#backlog.drain());
    const onTaken = ({ workspace }: Task): void => this.sharing.taken(workspace);
    this.#intake = new Intake({ scheduler, table: this.table, slots: this.#slots, lanes, logger, onTaken });
    this.#lease = new Lease({
      store,
      logger,
      lanes,
      actions: () => (this.#works ? this.#registry.names() : []),
      clock: this.clock,
      leaseMs: options.leaseMs,
      keeper: options.leaseKeeper,
      concurrency: options.concurrency,
      onCancelled: (runIds) => this.#look(runIds),
      onDead: (oldId) => this.#declaredDead(oldId),
      onRoll: (refs) => this.#roll(refs),
    });
    this.#timer = this.#loop("timer", timerRound(store, this.table));
    this.#dispatcher = this.#loop("dispatcher", dispatcherRound(store, this.table));
    const look = (runId: string): void => this.#look([runId]);
    const ended = (ends: readonly ItemChildEnd[]): Promise<void> => this.table.maps.childrenEnded(ends);
    const restedAt = (): number => this.#childRestedAt;
    this.#events = this.#loop("events", eventsRound(store, options.events));
    this.#children = this.#loop("children", childrenRound({ store, ended, look, restedAt }));
  }

  get workerId(): string | null {
    return this.#lease.workerId;
  }

  /** How this worker's lease stands; `null`: it needs none. */
  get pulse(): { readonly id: string | null; readonly silentMs: number; readonly leaseMs: number } | null {
    if (this.#loops.length === 0) return null;
    return { id: this.workerId, silentMs: this.#lease.silentMs, leaseMs: this.#options.leaseMs };
  }

  /** Room that is free right now. */
  get free(): number {
    return this.#slots.free;
  }

  /** There is an event to be handed on. Where this process does not maintain, another one finds it. */
  wakeEvents(): void {
    this.#events.wakeIn(0);
  }

  /** `work`: claim and execute node runs. `maintain`: run the maintenance loops. Either needs a lease. */
  async start(options: { readonly work: boolean; readonly maintain: boolean }): Promise<void> {
    this.#works = options.work;
    await this.sharing.start();
    if (!options.work && !options.maintain) {
      await this.#readClock();
      return;
    }
    await this.#register();
    this.#loops = [this.#loop("heartbeat", () => this.#beat())];
    const own = [this.#timer, this.#dispatcher, this.#children, this.#events];
    if (options.maintain) this.#loops.push(...own, ...this.#maintenance());
    if (options.work) this.#loops.push(this.#poller(), ...this.#sharingLoops());
    const breakers = this.#breakers;
    if (options.work && breakers)
      this.#loops.push((this.#breakerLoop = this.#loop("breakers", () => breakers.round())));
    for (const loop of this.#loops) loop.start();
    if (options.work) await this.#intake.open();
  }

  /**
   * Takes nothing new, lets what runs end, and gives the rest back. Resolves within about the deadline, whatever the
   * queue or the actions do.
   */
  async stop(deadlineMs: number): Promise<void> {
    const until = performance.now() + deadlineMs;
    const left = (): number => Math.max(0, until - performance.now());
    this.table.workAs(null);
    this.#backlog.close();
    const closing = this.#intake.close(deadlineMs);
    await within(left(), Promise.resolve(this.#polls?.stop()));
    await within(left(), this.table.drained());
    await this.#releaseHeld();
    await within(left() + 1_000, this.table.quiet());
    this.table.stop();
    const loops = [...this.#loops, this.sharing];
    await Promise.all(loops.map((loop) => within(left() + 1_000, loop.stop())));
    await within(left() + 1_000, this.#outbox.idle());
    await within(left() + 1_000, Promise.resolve(this.#breakers?.stop()));
    await within(left() + 500, closing);
    await within(left() + 1_000, this.#lease.deregister()).catch((error: unknown) => {
      this.#options.logger.warn({ error }, "the worker could not sign off; its lease will run out");
    });
  }

  // ------------------------------------------------------------------ parts

  #newTable(): RunTable {
    const { store, registry, limits, retry, logger, outbound, sandbox, lanes, inline } = this.#options;
    const { credentials, outgoing, children, observer, attemptLogs, onMoved, onFenced } = this.#options;
    return new RunTable({
      store,
      registry,
      limits,
      retry,
      logger,
      outbound,
      outgoing,
      sandbox,
      credentials,
      breakers: this.#breakers,
      children,
      observer,
      attemptLogs,
      lanes,
      inline,
      loader: this.loader,
      committer: this.committer,
      plans: this.plans,
      clock: this.clock,
      slots: this.#slots,
      admission: this.sharing,
      random: Math.random,
      listener: {
        dispatch: ({ own, others }) => {
          if (others.length > 0) this.#outbox.send(others);
          if (own.length > 0) this.#backlog.add(own);
        },
        dueIn: (ms) => this.#timer.wakeIn(ms),
        readyIn: (ms) => this.#dispatcher.wakeIn(ms),
        held: (workspace) => this.sharing.held(workspace),
        moved: (run, turn, advance) => {
          this.sharing.charge(run.identity!.workspace, turn.inline);
          onMoved(run, turn, advance);
        },
        childRested: () => {
          this.#childRestedAt = performance.now();
          this.#children.wakeIn(0);
        },
        fenced: (run, node) => {
          this.counts.fenced++;
          observer.fenced({ ...observed(run), node, item: NO_ITEM });
          onFenced(run.id, node);
        },
      },
    });
  }

  /** From the backlog: the place that was taken for it goes with it. */
  async #claim(task: Task, isFromLine: boolean): Promise<void> {
    try {
      await this.table.claim(task, isFromLine);
    } catch (error) {
      this.#slots.release(task.workspace);
      this.#options.logger.error(
        { error, runId: task.runId, node: task.node },
        "a node run could not be claimed",
      );
    }
  }

  /** From the backlog: it waits in line from now on, where its workspace has its turn. */
  #hold(task: Task): void {
    const { fence } = task;
    void this.table.submitFor(task, (node) => ({ type: "hold", node, fence }));
  }

  #loop(name: string, round: () => Promise<number>): Loop {
    return new Loop({ name, round, logger: this.#options.logger, random: Math.random, errorMs: 1_000 });
  }

  #maintenance(): readonly Loop[] {
    const rounds = maintenanceRounds({
      options: this.#options,
      table: this.table,
      loader: this.loader,
      lease: this.#lease,
      onLost: (count) => void (this.counts.resent += count),
    });
    return Object.entries(rounds).map(([name, round]) => this.#loop(name, round));
  }

  #sharingLoops(): readonly Loop[] {
    const workerId = (): string | null => this.workerId;
    return this.sharing.loopsOf({ slots: this.#slots, backlog: this.#backlog, workerId });
  }

  #poller(): Loop {
    const options = { ...this.#options, runs: this.#options.items, clock: this.clock };
    const { polls, loop } = polling({ ...options, worker: () => this.workerId }, (round) =>
      this.#loop("poller", round),
    );
    this.#polls = polls;
    return loop;
  }

  async #readClock(): Promise<void> {
    const sentAt = performance.now();
    this.clock.set(await this.#options.store.now(), sentAt, performance.now());
  }

  // ------------------------------------------------------------------ lease

  async #register(): Promise<void> {
    const id = await this.#lease.register();
    this.#rollCall.reset();
    if (this.#works) this.#workAs(id);
  }

  #workAs(workerId: string | null): void {
    this.sharing.allowances.workAs(workerId);
    this.table.workAs(workerId);
  }

  async #beat(): Promise<number> {
    if (this.#lease.workerId === null) await this.#register();
    await this.#lease.beat();
    this.#look(this.table.racing());
    const { store } = this.#options;
    const { peers } = this.table;
    [peers.live, peers.scarce] = await Promise.all([store.liveWorkers(), store.scarceActions()]);
    return this.#lease.beatMs;
  }

  #look(runIds: readonly string[]): void {
    for (const runId of runIds) void this.table.submit(runId, { type: "look" });
  }

  #declaredDead(oldId: string): void {
    this.counts.deaths++;
    this.#options.logger.error(
      { workerId: oldId },
      "this worker was declared dead; it drops what it held and starts anew",
    );
    this.#workAs(null);
    this.table.abandon();
    this.#options.onDeclaredDead(oldId);
  }

  #roll(refs: readonly NodeRef[]): void {
    const lost = this.#rollCall.answer(refs, (each) => this.table.holds(each));
    for (const ref of lost) if (ref.item < 0) void this.#giveUp(ref);
    const items = lost.filter(({ item }) => item >= 0);
    if (items.length > 0) void this.#giveUpItems(items);
  }

  /** A node run that the store says is ours and that nobody here knows. */
  async #giveUp(ref: NodeRef): Promise<void> {
    this.#options.logger.warn({ ...ref }, "a node run was lost in this worker; it is given back");
    await this.table.submitFor(ref, (node, plan) => lossOf({ registry: this.#registry, plan, node, ref }));
  }

  async #giveUpItems(refs: readonly NodeRef[]): Promise<void> {
    const { logger } = this.#options;
    logger.warn(
      { items: refs.length, ...refs[0] },
      "items of maps were lost in this worker; they are given back",
    );
    await this.table.maps.lost(refs).catch((error: unknown) => {
      logger.error({ error }, "items of maps could not be given back; the next roll call tries again");
    });
  }

  // ------------------------------------------------------------------ stopping

  /** What did not end in time is given up: told to stop, and handed on by its effect class. */
  async #releaseHeld(): Promise<void> {
    await within(2_000, this.table.maps.release());
    const held = this.table.held();
    for (const { run, node } of held) run.held.get(node)?.interrupt();
    await Promise.all(held.map(({ run, node, fence }) => this.#release(run, node, fence)));
  }

  async #release(run: ActiveRun, node: number, fence: number): Promise<void> {
    const ref = { runId: run.id, node: run.plan!.nodes[node]!.id, item: -1, fence };
    const loss = lossOf({ registry: this.#registry, plan: run.plan!, node, ref });
    if (!loss || loss.type !== "event" || loss.event.type !== "leaseLost") return;
    const { possiblyDuplicated = false } = loss;
    // It may run again at once elsewhere; where its class forbids that, the loss is what has to be recorded.
    const event =
      loss.event.verdict.type === "retry" ? ({ type: "released", node, fence } as const) : loss.event;
    run.held.delete(node);
    const release = (index: number): Intent => ({
      type: "event",
      event: { ...event, node: index },
      possiblyDuplicated,
    });
    await within(2_000, this.table.submitFor(ref, release));
  }
}
