/**
 * The lease: a worker's node runs are its own as long as its row in the store is alive. One row is renewed per process, not
 * one per node run.
 *
 * Invariants:
 * - a worker id is new at every start, so a restarted process never keeps rows of its former self alive;
 * - whoever was declared dead stays dead: the process drops everything and goes on under another id;
 * - only who has renewed without a gap for a whole lease may judge others (after a pause of the database nobody could renew).
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { LeaseKeeper } from "../core/ports/lease-keeper.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { NodeRef, Store } from "../core/ports/store.ts";
import type { StoreClock } from "./clock.ts";

export interface LeaseOptions {
  readonly store: Store;
  readonly clock: StoreClock;
  readonly logger: Logger;
  readonly leaseMs: number;
  /** Renews the lease while the event loop is blocked; `null`: nobody does. */
  readonly keeper: LeaseKeeper | null;
  readonly lanes: readonly string[];
  /** What this process runs; none where it only maintains. */
  readonly actions: () => readonly string[];
  readonly concurrency: number;
  /** Runs that were cancelled while this worker executes one of their nodes. */
  readonly onCancelled: (runIds: readonly string[]) => void;
  /** Somebody declared this worker dead. What it held is not its own any more. */
  readonly onDead: (oldId: string) => void;
  /** Called with every third beat: node runs that the store says are running here. */
  readonly onRoll: (refs: readonly NodeRef[]) => void;
}

export class Lease {
  readonly #options: LeaseOptions;
  #workerId: string | null = null;
  #beats = 0;
  /** When the last successful beat was sent, and since when there was no gap of a lease. Monotonic. */
  #lastBeat = 0;
  #unbrokenSince = 0;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  get workerId(): string | null {
    return this.#workerId;
  }

  /** Milliseconds since the last heartbeat that was answered. */
  get silentMs(): number {
    return Math.round(performance.now() - this.#lastBeat);
  }

  /** Three beats and a bit fit into a lease. */
  get beatMs(): number {
    return Math.floor(this.#options.leaseMs * 0.3);
  }

  /** Whether this worker may declare others dead. */
  get mayJudge(): boolean {
    const now = performance.now();
    const { leaseMs } = this.#options;
    return (
      this.#workerId !== null && now - this.#lastBeat < leaseMs / 2 && now - this.#unbrokenSince >= leaseMs
    );
  }

  async register(): Promise<string> {
    const { store, clock, lanes, concurrency, actions } = this.#options;
    const id = randomUUID();
    const sentAt = performance.now();
    const host = { host: hostname(), pid: process.pid };
    const { now } = await store.register({ id, ...host, lanes, concurrency, actions: actions() });
    clock.set(now, sentAt, performance.now());
    this.#workerId = id;
    this.#options.keeper?.keep(id);
    this.#lastBeat = sentAt;
    this.#unbrokenSince = sentAt;
    return id;
  }

  async deregister(): Promise<void> {
    const id = this.#workerId;
    this.#workerId = null;
    this.#options.keeper?.keep(null);
    if (id !== null) await this.#options.store.deregister(id);
  }

  /** One heartbeat. */
  async beat(): Promise<void> {
    const id = this.#workerId;
    if (id === null) return;
    const { store, clock, leaseMs, onCancelled, onDead, onRoll } = this.#options;
    const sentAt = performance.now();
    const answer = await store.beat(id);
    if (this.#workerId !== id) return;
    clock.set(answer.now, sentAt, performance.now());
    if (!answer.alive) {
      this.#workerId = null;
      onDead(id);
      return;
    }
    if (sentAt - this.#lastBeat > leaseMs) this.#unbrokenSince = sentAt;
    this.#lastBeat = sentAt;
    if (answer.cancelled.length > 0) onCancelled(answer.cancelled);
    if (++this.#beats % 3 === 0) onRoll(await store.roll(id));
  }
}
