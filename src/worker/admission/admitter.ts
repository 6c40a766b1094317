/**
 * Takes node runs that wait for room out of their lines in the store, a few more than there is room for here, and shares this room out among
 * the workspaces. Every process that works does so by itself; who takes what follows from the ids of the runs, and where two take the same,
 * the claim decides.
 */
import type { FairTurns } from "../../core/limits/fair-turns.ts";
import type { HeldRef, HeldStore, Line } from "../../core/ports/held.ts";
import type { Task } from "../../core/ports/scheduler.ts";
import type { Backlog } from "../backlog.ts";
import { keyOf } from "../loops/under-way.ts";
import type { Slots } from "../slots.ts";
import type { Admission } from "./admission.ts";
import type { QueueRoom } from "./queue-room.ts";

export interface AdmitterOptions {
  readonly held: HeldStore;
  readonly lanes: readonly string[];
  readonly slots: Slots;
  readonly backlog: Backlog;
  readonly turns: FairTurns;
  readonly allowances: Admission;
  readonly room: QueueRoom;
  readonly workerId: () => string | null;
}

/** Lines that are looked at in one round; the next round goes on behind them. */
const LINES = 1_000;
const LEAST_AHEAD = 20;
const IDLE_MS = 650;
/** While there were lines a moment ago: what follows goes into them too, and nobody else tells of it. */
const BUSY_MS = 50;
const BUSY_FOR_MS = 2_000;
const SOONEST_MS = 5;

/** A line that may begin something here. */
interface Open {
  readonly line: Line;
  readonly workspace: string;
  readonly weight: number;
  readonly most: number;
}

export class Admitter {
  readonly #options: AdmitterOptions;
  readonly #underWay = new Map<string, string>();
  #after: Line | undefined;
  /** When lines were last seen. */
  #seenAt = -Infinity;
  /** There was more than could be taken. */
  #isMore = false;

  constructor(options: AdmitterOptions) {
    this.#options = options;
  }

  /** Few are left here, and the store has more: it is time for a round. */
  get isLow(): boolean {
    return this.#isMore && this.#ahead >= this.#options.slots.size / 2;
  }

  /** The task is not waiting here any more. */
  gone(task: Task): void {
    this.#underWay.delete(keyOf(task));
  }

  /** Says when it wants to be called again, in milliseconds. */
  async round(): Promise<number> {
    const { held, lanes, room, workerId } = this.#options;
    const worker = workerId();
    const ahead = this.#ahead;
    if (worker === null || ahead <= 0) return IDLE_MS;
    const lines = await held.lines({ lanes, limit: LINES, ...(this.#after ? { after: this.#after } : {}) });
    this.#after = lines.length === LINES ? lines.at(-1) : undefined;
    for (const { workspace } of lines) room.noteLine(workspace);
    if (lines.length === 0) return this.#rest(false);
    this.#seenAt = performance.now();
    await this.#ask(lines, ahead);
    const open = lines.map((line) => this.#openLine(line, ahead));
    const found = await this.#first(open, ahead, worker);
    this.#options.backlog.addHeld(found.map((ref) => this.#take(ref)));
    return this.#rest(found.length > 0, lines);
  }

  /** So many more than there is room for are taken, so that a place that becomes free is filled at once. */
  get #ahead(): number {
    const { slots, backlog } = this.#options;
    return Math.max(LEAST_AHEAD, 2 * slots.size) - backlog.held;
  }

  /** Allowances for all of them, in one call. */
  async #ask(lines: readonly Line[], ahead: number): Promise<void> {
    const { allowances, backlog } = this.#options;
    const lacking = lines.filter(({ workspace }) => allowances.gauge(workspace).lacks(ahead));
    await Promise.all(
      lacking.map(({ workspace }) => allowances.ask(workspace, ahead + backlog.sizeOf(workspace))),
    );
  }

  #openLine(line: Line, ahead: number): Open {
    const { allowances, backlog } = this.#options;
    const { workspace } = line;
    // A few more than may begin now: they begin as soon as others end.
    const { soon, weight } = allowances.gauge(workspace);
    const most = Math.min(ahead, Math.max(0, soon - backlog.sizeOf(workspace)));
    return { line, workspace, weight, most };
  }

  async #first(open: readonly Open[], ahead: number, worker: string): Promise<readonly HeldRef[]> {
    const { held, turns } = this.#options;
    const byWorkspace = new Map(open.map((each) => [each.workspace, each]));
    const shares = turns.share(ahead, [...byWorkspace.values()]);
    // Those that were taken before are still the first of their line.
    const before = new Map<string, number>();
    for (const of of this.#underWay.values()) before.set(of, (before.get(of) ?? 0) + 1);
    const asked = open.flatMap(({ line, workspace }) => {
      const share = shares.get(workspace) ?? 0;
      const limit = share + (before.get(workspace) ?? 0);
      return share > 0 ? [{ lane: line.lane, workspace, limit }] : [];
    });
    const found = await held.first(asked, worker);
    return found.filter((ref) => !this.#underWay.has(keyOf(ref)));
  }

  #take(ref: HeldRef): Task {
    this.#underWay.set(keyOf(ref), ref.workspace);
    const { heldAt, ...task } = ref;
    return { ...task, dispatchedAt: heldAt };
  }

  #rest(isMore: boolean, lines: readonly Line[] = []): number {
    this.#isMore = isMore;
    if (this.#after) return SOONEST_MS;
    const { allowances } = this.#options;
    const waits = lines.map(({ workspace }) => allowances.gauge(workspace)).filter(({ room }) => room < 1);
    const idleMs = performance.now() - this.#seenAt < BUSY_FOR_MS ? BUSY_MS : IDLE_MS;
    return Math.max(SOONEST_MS, Math.min(idleMs, ...waits.map(({ waitMs }) => waitMs)));
  }
}
