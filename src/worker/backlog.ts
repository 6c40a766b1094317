/**
 * Node runs that this process will soon have room for: they wait here for a moment, in a line for each workspace, and the workspaces take
 * turns by their weights.
 *
 * Some were handed over: their rows say `queued`, as if the queue had them. The way through the queue and back costs more than most steps
 * do, and where nobody else is free it gains nothing. What waits here for too long goes to the queue after all, where other workers live;
 * where none does it goes into the lines of the store, because in the queue nobody's turn is kept. Others are held: their rows
 * say `ready`, and what waits here for too long is only forgotten. Either way nothing is lost with this process: what its end left here is
 * found by the sweeper like any lost task, or by whoever looks into the lines of the store; and a task that is sent late meets another fence.
 *
 * Invariants:
 * - what was handed over waits here no longer than `holdMs`, which is far below the sweeper's grace; where other workers live it is short,
 *   and only this worker's share is kept;
 * - tasks that already came from the queue have room first (`Slots`), so the queue is never starved by what is kept here.
 */
import type { Contender, FairTurns } from "../core/limits/fair-turns.ts";
import type { Task } from "../core/ports/scheduler.ts";
import type { Slots } from "./slots.ts";

export interface BacklogOptions {
  readonly slots: Slots;
  /** Claims a node run; room comes with it. Resolves when that is decided. */
  readonly claim: (task: Task, isFromLine: boolean) => Promise<void>;
  /** Hands tasks to the queue. */
  readonly send: (tasks: readonly Task[]) => void;
  /** Puts one that was handed over into the lines of the store. */
  readonly hold: (task: Task) => void;
  /** Live workers, this one among them. */
  readonly workers: () => number;
  readonly turns: FairTurns;
  /** How many node runs of the workspace may begin now, and its weight. */
  readonly gauge: (workspace: string) => { readonly room: number; readonly weight: number };
  /** One that was held is here no longer: it was claimed, or forgotten. */
  readonly onGone: (task: Task) => void;
}

/** Alone: nobody else could take them sooner. In company: as long as it takes to run a few short steps. */
const HOLD_ALONE_MS = 1_000;
const HOLD_MS = 20;
/** What is held may be taken by others as well, so it does not stay for long. */
const HELD_MS = 2_000;
/** Tasks kept by a worker that is alone. In company as many as it has places. */
const MAX_ALONE = 10_000;

interface Kept {
  readonly task: Task;
  readonly since: number;
  readonly isHeld: boolean;
}

/** Taking from the front of a long list would copy it. */
class Fifo {
  #kept: Kept[] = [];
  #head = 0;

  get size(): number {
    return this.#kept.length - this.#head;
  }

  get first(): Kept | undefined {
    return this.#kept[this.#head];
  }

  add(kept: Kept): void {
    this.#kept.push(kept);
  }

  shift(): Kept {
    const first = this.#kept[this.#head++]!;
    if (this.#head > 1_000 && this.#head * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#head);
      this.#head = 0;
    }
    return first;
  }
}

/** Of one workspace. What was handed over comes first: it stands in no line any more. */
class Line {
  readonly workspace: string;
  readonly handed: Fifo = new Fifo();
  readonly held: Fifo = new Fifo();
  /** Claims that are not decided yet. */
  claiming = 0;

  constructor(workspace: string) {
    this.workspace = workspace;
  }

  get size(): number {
    return this.handed.size + this.held.size;
  }
}

interface Contending extends Contender {
  readonly line: Line;
}

export class Backlog {
  readonly #options: BacklogOptions;
  readonly #lines = new Map<string, Line>();
  #size = 0;
  #held = 0;
  #timer: NodeJS.Timeout | undefined;
  #draining = false;
  #open = true;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  /** Of both kinds. */
  get size(): number {
    return this.#size;
  }

  /** Held ones, waiting here. */
  get held(): number {
    return this.#held;
  }

  /** Of the workspace: waiting here, or being claimed. */
  sizeOf(workspace: string): number {
    const line = this.#lines.get(workspace);
    return line ? line.size + line.claiming : 0;
  }

  /** Keeps what fits of these, which this worker can run, and sends the others. */
  add(tasks: readonly Task[]): void {
    const { slots, workers, send } = this.#options;
    const alone = workers() <= 1;
    const share = alone ? tasks.length : Math.ceil(tasks.length / workers());
    const room = this.#open ? (alone ? MAX_ALONE : slots.size) - (this.#size - this.#held) : 0;
    const kept = Math.max(0, Math.min(share, room));
    const since = performance.now();
    for (const task of tasks.slice(0, kept)) this.#add({ task, since, isHeld: false });
    if (kept < tasks.length) send(tasks.slice(kept));
    this.drain();
  }

  /** The same of those that the store holds in their lines. */
  addHeld(tasks: readonly Task[]): void {
    if (!this.#open) return tasks.forEach((task) => this.#options.onGone(task));
    const since = performance.now();
    for (const task of tasks) this.#add({ task, since, isHeld: true });
    this.drain();
  }

  /** There may be room: claims one workspace's after the other's, and each one's in the order of arrival. */
  drain(): void {
    // Taking a place tells everybody who listens for room, and so comes back here.
    if (this.#draining) return;
    this.#draining = true;
    const { slots, turns } = this.#options;
    for (;;) {
      const next = this.#size > 0 && slots.free > 0 ? this.#next() : null;
      if (!next || slots.take(next.workspace, 1) !== 1) break;
      turns.charge(next);
      const { line } = next;
      void this.#claim(line, this.#shift(line.handed.size > 0 ? line.handed : line.held));
    }
    this.#draining = false;
    this.#watch();
  }

  /** Sends everything to the queue, now and from now on. */
  close(): void {
    this.#open = false;
    this.#giveUp(() => true, this.#options.send);
  }

  /** The line whose turn it is, of those whose workspace may begin anything here. */
  #next(): Contending | null {
    const { gauge, turns, slots } = this.#options;
    const contenders: Contending[] = [];
    for (const line of this.#lines.values()) {
      if (line.size === 0) continue;
      const { room, weight } = gauge(line.workspace);
      if (room > line.claiming && slots.open(line.workspace) > 0)
        contenders.push({ workspace: line.workspace, weight, line });
    }
    return turns.next(contenders);
  }

  async #claim(line: Line, { task, isHeld }: Kept): Promise<void> {
    line.claiming++;
    await this.#options.claim(task, isHeld);
    line.claiming--;
    if (isHeld) this.#options.onGone(task);
    if (line.size === 0 && line.claiming === 0) this.#lines.delete(line.workspace);
  }

  /** Other workers may have room while this one has none. */
  #watch(): void {
    if (this.#size === 0 || this.#timer !== undefined) return;
    let due = Infinity;
    for (const { handed, held } of this.#lines.values())
      for (const { first } of [handed, held])
        if (first) due = Math.min(due, first.since + this.#keepMs(first));
    const waitMs = Math.max(1, due - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const now = performance.now();
      const { send, hold, workers } = this.#options;
      const pass = workers() > 1 ? send : (tasks: readonly Task[]) => tasks.forEach(hold);
      this.#giveUp((kept) => kept.since + this.#keepMs(kept) <= now, pass);
      this.#watch();
    }, waitMs);
  }

  #keepMs({ isHeld }: Kept): number {
    if (isHeld) return HELD_MS;
    return this.#options.workers() <= 1 ? HOLD_ALONE_MS : HOLD_MS;
  }

  #giveUp(isOver: (kept: Kept) => boolean, pass: (tasks: readonly Task[]) => void): void {
    const tasks: Task[] = [];
    for (const line of this.#lines.values()) {
      while (line.handed.first && isOver(line.handed.first)) tasks.push(this.#shift(line.handed).task);
      while (line.held.first && isOver(line.held.first)) this.#options.onGone(this.#shift(line.held).task);
      if (line.size === 0 && line.claiming === 0) this.#lines.delete(line.workspace);
    }
    if (tasks.length > 0) pass(tasks);
  }

  #add(kept: Kept): void {
    const { workspace } = kept.task;
    let line = this.#lines.get(workspace);
    if (!line) this.#lines.set(workspace, (line = new Line(workspace)));
    (kept.isHeld ? line.held : line.handed).add(kept);
    this.#size++;
    if (kept.isHeld) this.#held++;
  }

  #shift(fifo: Fifo): Kept {
    const kept = fifo.shift();
    this.#size--;
    if (kept.isHeld) this.#held--;
    return kept;
  }
}
