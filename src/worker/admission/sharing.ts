/** How this process shares its room, and the queue, among workspaces: the parts, and the loops that they need. */
import { FairTurns } from "../../core/limits/fair-turns.ts";
import type { Buckets } from "../../core/ports/allowances.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { Store } from "../../core/ports/store.ts";
import type { Backlog } from "../backlog.ts";
import { LimitBook, type LimitBookOptions } from "../limit-book.ts";
import type { Loop } from "../loop.ts";
import type { Slots } from "../slots.ts";
import { Admission } from "./admission.ts";
import { Admitter } from "./admitter.ts";
import { QueueRoom } from "./queue-room.ts";
import type { AdmissionParts } from "./run-admission.ts";

/** After a task came from the queue the lines are looked at within this. */
const TAKEN_MS = 20;

export interface SharingOptions {
  readonly store: Store;
  readonly workspaces: LimitBookOptions["rules"];
  readonly buckets: Buckets;
  readonly logger: Logger;
  readonly lanes: readonly string[];
  /** Node runs that this process runs at once. */
  readonly concurrency: number;
  /** Live workers, this one among them. */
  readonly workers: () => number;
  readonly loop: (name: string, round: () => Promise<number>) => Loop;
}

export class Sharing implements AdmissionParts {
  readonly book: LimitBook;
  readonly allowances: Admission;
  readonly room: QueueRoom;
  readonly turns: FairTurns = new FairTurns();
  readonly #options: SharingOptions;
  /** Of every process that is started. */
  readonly #loops: readonly Loop[];
  #admitting: Loop | null = null;
  #admitter: Admitter | null = null;

  constructor(options: SharingOptions) {
    const { store, workspaces: rules, buckets, logger, workers, concurrency, loop } = options;
    this.#options = options;
    this.book = new LimitBook({ limits: store.limits, rules, logger });
    const { book } = this;
    this.allowances = new Admission({ book, buckets, places: store.places, logger, workers });
    const alone = (): boolean => this.#admitting !== null && workers() <= 1;
    this.room = new QueueRoom({ held: store.held, book, workers, concurrency, alone });
    this.#loops = [loop("limits", () => this.book.refresh()), loop("queue-room", () => this.room.refresh())];
  }

  readonly gauge = (workspace: string): ReturnType<Admission["gauge"]> => this.allowances.gauge(workspace);

  /** Resolves when the limits are known: nothing begins before. */
  async start(): Promise<void> {
    const refreshMs = await this.book.refresh();
    for (const loop of this.#loops) loop.start(refreshMs);
  }

  /** What a process that works needs besides, started with its other loops. */
  loopsOf(worker: {
    readonly slots: Slots;
    readonly backlog: Backlog;
    readonly workerId: () => string | null;
  }): readonly Loop[] {
    const { store, lanes, loop } = this.#options;
    const { allowances, room, turns } = this;
    const admitter = new Admitter({ held: store.held, lanes, allowances, room, turns, ...worker });
    this.#admitter = admitter;
    this.#admitting = loop("admitter", () => admitter.round());
    this.book.onChange(() => this.#admitting?.wakeIn(0));
    return [this.#admitting, loop("allowances", () => allowances.report())];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  /** A task of the workspace came from the queue. Where more was stored than goes into the queue, it stands in a line now. */
  taken(workspace: string): void {
    this.charge(workspace, 1);
    this.#admitting?.wakeIn(TAKEN_MS);
  }

  /** Node runs of the workspace have begun to wait for room. */
  held(workspace: string): void {
    this.room.noteLine(workspace);
    this.#admitting?.wakeIn(0);
  }

  /** One that waited here for its turn does so no longer. */
  gone: Admitter["gone"] = (task) => {
    this.#admitter?.gone(task);
    if (this.#admitter?.isLow) this.#admitting?.wakeIn(0);
  };

  /** So many of the workspace began without waiting for their turn. */
  charge(workspace: string, turns: number): void {
    if (turns > 0) this.turns.charge({ workspace, weight: this.book.of(workspace).weight }, turns);
  }
}
