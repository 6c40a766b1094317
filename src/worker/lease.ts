/**
 * The lease: a worker's node runs are its own as long as its row in the store is alive. One row is renewed per process, not
 * one per node run.
 *
 * Invariants:
 * - a worker id is new at every start, so a restarted process never keeps rows of its former self alive;
 * - whoever was declared dead stays dead: the process drops everything and goes on under another id;
 * - silence of others counts only as far as this worker's own heartbeats were answered meanwhile (in a standstill of the store nobody is heard),
 *   up to the last answer: what is asked later, or answered late, is judged by what was known then.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { LeaseKeeper } from "../core/ports/lease-keeper.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { NodeRef, Store, Watch } from "../core/ports/store.ts";
import type { StoreClock } from "./clock.ts";

/** Of a lease; the loop adds or takes half of it, so that there are 0.375 between two heartbeats at the most. */
const BEAT = 0.25;
/** Of a lease: with so much between two answers the watch begins anew. A standstill that is shorter leaves nobody else silent for a whole lease. */
const LONGEST_GAP = 0.6;

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
  /** When the last successful beat was sent. Monotonic. */
  #lastBeat = 0;
  #watch: Watch | null = null;

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

  get beatMs(): number {
    return Math.floor(this.#options.leaseMs * BEAT);
  }

  /** In which this worker would have heard of others; `null`: it is not registered. */
  get watch(): Watch | null {
    return this.#watch;
  }

  async register(): Promise<string> {
    const { store, clock, lanes, concurrency, actions, leaseMs } = this.#options;
    const id = randomUUID();
    const sentAt = performance.now();
    const host = { host: hostname(), pid: process.pid };
    const { now } = await store.register({ id, ...host, lanes, concurrency, actions: actions(), leaseMs });
    clock.set(now, sentAt, performance.now());
    this.#workerId = id;
    this.#options.keeper?.keep(id);
    this.#lastBeat = sentAt;
    this.#watch = { since: now, until: now };
    return id;
  }

  async deregister(): Promise<void> {
    const id = this.#workerId;
    this.#workerId = null;
    this.#watch = null;
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
      this.#watch = null;
      onDead(id);
      return;
    }
    this.#watch = watched(this.#watch, answer.now, leaseMs);
    this.#lastBeat = sentAt;
    if (answer.cancelled.length > 0) onCancelled(answer.cancelled);
    if (++this.#beats % 3 === 0) onRoll(await store.roll(id));
  }
}

/** A clock that was put forward is a gap, and one that was put back too: then nothing can be said of what went before. */
export function watched(before: Watch | null, now: number, leaseMs: number): Watch {
  const gapMs = before === null ? Infinity : now - before.until;
  const isUnbroken = gapMs >= 0 && gapMs <= leaseMs * LONGEST_GAP;
  return { since: isUnbroken && before !== null ? before.since : now, until: now };
}
