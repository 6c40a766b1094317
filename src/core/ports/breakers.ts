/**
 * Breakers, as all processes share them, and the node runs that are parked behind them. A breaker is changed by whoever has read it, if nobody has changed it since;
 * what it is, `core/breaker` decides. A node run that is parked is `ready` in its run, with a time at which it is looked at in any case: the list
 * here says who is to be woken sooner, and a line that is lost costs time and nothing else.
 */
import type { BreakerKey } from "../breaker/key.ts";
import type { BreakerState } from "../breaker/breaker.ts";

export interface StoredBreaker extends BreakerKey {
  /** 1 and above; raised by every change. */
  readonly version: number;
  readonly state: BreakerState;
  /** Milliseconds since 1970, by the store's clock. */
  readonly changedAt: number;
}

export interface BreakerWrite {
  readonly key: BreakerKey;
  /** That was read; 0: there was none. */
  readonly version: number;
  readonly state: BreakerState;
}

export interface ParkedNode {
  readonly runId: string;
  readonly node: string;
  readonly fence: number;
  readonly lane: string;
  readonly action: string;
}

/** What a process can run. */
export interface ParkedQuery {
  readonly lanes: readonly string[];
  readonly actions: readonly string[];
  readonly limit: number;
}

export interface BreakerStore {
  /** In the order of the keys; `null`: nothing is known of it, so it is closed. */
  read(keys: readonly BreakerKey[]): Promise<readonly (StoredBreaker | null)[]>;
  /** Those that changed at this time or later, the oldest change first. `now`: the store's time before it looked. */
  changed(query: {
    readonly since: number;
    readonly limit: number;
  }): Promise<{ readonly now: number; readonly breakers: readonly StoredBreaker[] }>;
  /** Of different breakers. `false`: it has another version by now, and stays as it is. */
  write(writes: readonly BreakerWrite[]): Promise<readonly boolean[]>;
  /** A node run that is parked behind this breaker already is there once, with the newer fence. */
  park(nodes: readonly (ParkedNode & { readonly by: BreakerKey })[]): Promise<void>;
  /** Takes those out that were parked first, as far as they fit. */
  unpark(key: BreakerKey, query: ParkedQuery): Promise<readonly ParkedNode[]>;
  /** Takes some out whose breaker is closed, or not known any more. */
  loose(query: ParkedQuery): Promise<readonly ParkedNode[]>;
  /** How many are parked behind each of them, in the order of the keys; counted up to 10,000. */
  parked(keys: readonly BreakerKey[]): Promise<readonly number[]>;
  /** Those of a workspace that are not closed, by scope and name (in the order of code points), after this one. */
  page(query: {
    readonly workspace: string;
    readonly after?: Pick<BreakerKey, "scope" | "name">;
    readonly limit: number;
  }): Promise<readonly StoredBreaker[]>;
  /** Deletes at most so many closed ones that nobody has changed for this long, and says how many. */
  trim(options: { readonly olderThanMs: number; readonly limit: number }): Promise<number>;
}

/** As far as anybody needs to know. */
export const MOST_PARKED = 10_000;
