/** What workspaces with limits may begin: tokens for the rate, and places for what runs at once. Workers take some of each in advance. */
import type { PlaceAsk } from "../limits/places.ts";
import type { Rate } from "../limits/workspace-limits.ts";

export interface TokenAsk {
  readonly workspace: string;
  readonly rate: Rate;
  /** Whole; 0: only to give some back. */
  readonly wanted: number;
  /** Tokens that were taken and not used. */
  readonly returned: number;
}

export interface Tokens {
  readonly tokens: number;
  /** Until there is another one. */
  readonly waitMs: number;
}

/** Token buckets, on Redis or in the store; all pass `bucketContract`. What a bucket held that was lost is a block of tokens. */
export interface Buckets {
  /** In the order of the asks; a workspace comes once. */
  take(asks: readonly TokenAsk[]): Promise<readonly Tokens[]>;
}

/**
 * What workspaces may start: buckets that are full at first, in the store, so that nothing but the store can forget them. Part of `Store`. What is
 * `returned` may be below 0: that much is owed, and nobody gets anything before the bucket has filled again.
 */
export interface QuotaStore {
  readonly starts: Buckets["take"];
  readonly payloadBytes: Buckets["take"];
  /** Runs that are stored, counted up to `most`. */
  storedRuns(workspace: string, most: number): Promise<number>;
}

export interface WorkspacePlaceAsk extends PlaceAsk {
  readonly workspace: string;
}

export interface Places {
  readonly places: number;
  /** See `PlaceShare`. */
  readonly cap: number | null;
}

/** Part of `Store`. */
export interface PlaceStore {
  /**
   * What the worker has from now on, in the order of the asks: see `shareOfPlaces`. A workspace comes once. Places of a worker that is dead,
   * or not registered, count for nobody.
   */
  lease(worker: string, asks: readonly WorkspacePlaceAsk[]): Promise<readonly Places[]>;
}
