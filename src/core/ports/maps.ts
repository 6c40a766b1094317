/**
 * Maps: nodes that run an action once per item of a list. A map has one row with its counters, and an item is a node run of its
 * own from the moment when it is claimed.
 *
 * Items do not move their run's `seq`: they are guarded by their own fences, and by the row of their map. What decides about the run
 * (a map begins, ends, is called off, a dead letter of an item is resolved) is part of a commit, as everything else is.
 */
import type { Json } from "../json.ts";
import type { ErrorRecord } from "../run/event.ts";

export interface MapRef {
  readonly runId: string;
  readonly node: string;
}

/** `next` items were claimed at least once; each of them is in one of the states behind it. */
export interface MapCounts {
  readonly total: number;
  readonly next: number;
  readonly running: number;
  /** They ran, and will again. */
  readonly waiting: number;
  /** They succeeded, or somebody gave them up. */
  readonly done: number;
  /** They failed, and that is all that becomes of them. */
  readonly failed: number;
  /** They failed, and are dead letters. */
  readonly open: number;
}

export interface MapState extends MapCounts {
  /** Of the node run, under which the map began or was taken up again. */
  readonly fence: number;
  /** Items that may run at once. */
  readonly concurrency: number;
  /** Nothing is claimed any more. */
  readonly closed: boolean;
}

/**
 * What a commit says about a map. `start`: its row is new, or it is taken up again with what it had, as by `resume`; its `total` stays
 * then. All others are of maps that have a row.
 */
export type MapWrite =
  | {
      readonly type: "start";
      readonly node: string;
      readonly fence: number;
      readonly total: number;
      readonly concurrency: number;
      /** Its output tells of each item whether it succeeded. */
      readonly collect: boolean;
    }
  /** Its row is new, with one item for each item of the map `undoes` that succeeded, in the same places. Where it has a row, as `start`. */
  | {
      readonly type: "undo";
      readonly node: string;
      readonly fence: number;
      readonly concurrency: number;
      readonly undoes: string;
    }
  /** The node waits for the map again, under this fence. */
  | { readonly type: "reopen"; readonly node: string; readonly fence: number }
  /** The same for a map that was closed: items are claimed again, and those that were `cancelled` may be, too. */
  | { readonly type: "resume"; readonly node: string; readonly fence: number }
  /** No item is claimed from now on; the node waits under this fence until those that run have ended. */
  | { readonly type: "close"; readonly node: string; readonly fence: number }
  /** Nobody waits for the map any more: items that wait for another attempt are `cancelled`. */
  | { readonly type: "end"; readonly node: string }
  /** The run is undone: open dead letters of items are closed as `compensated`. */
  | { readonly type: "compensated"; readonly node: string };

/**
 * What becomes of the dead letter of an item. Nothing, where the item has another fence or its dead letter is not open. An entry
 * that has one of these has a `reopen` or `resume` of the same map too.
 */
export interface ItemWrite {
  readonly node: string;
  readonly item: number;
  readonly fence: number;
  readonly change:
    | { readonly type: "redrive"; readonly newKey: boolean; readonly input?: Json }
    | { readonly type: "complete"; readonly output: Json }
    | { readonly type: "discard" };
  readonly resolution: { readonly id: string; readonly by: string | null };
}

export interface ClaimItems extends MapRef {
  readonly worker: string;
  readonly limit: number;
}

/** What an item brings from its earlier attempts. */
export interface ItemState {
  readonly fence: number;
  /** The present one included. */
  readonly attempt: number;
  readonly losses: number;
  readonly generation: number;
  readonly keyFence: number;
  readonly putOffMs: number;
}

export interface ClaimedItem extends ItemState {
  readonly item: number;
  readonly edited: "given" | "accepted" | null;
  /** As an earlier attempt rendered it, or as it was given by hand; `undefined`: not rendered yet. */
  readonly input: Json | undefined;
}

export interface ClaimedItems {
  /** As it is now; `null`: there is no such map, or nobody waits for it. */
  readonly map: MapState | null;
  /** Items to be run again first, then new ones in the order of the list. */
  readonly items: readonly ClaimedItem[];
  /** Of all values of the run. */
  readonly runBytes: number;
}

/** How an attempt of an item ended, or that another one begins (`running`). */
export interface ItemResult extends Omit<ItemState, "generation" | "keyFence"> {
  readonly item: number;
  /** Under which the item ran; `fence` is its next one. */
  readonly ranUnder: number;
  /** `child`: it goes on `running`, without a worker, until its child has ended. */
  readonly status: "running" | "child" | "waiting" | "succeeded" | "failed" | "cancelled";
  /** Only where it is `waiting`: until it may be claimed again. */
  readonly delayMs: number;
  /** `open` opens a dead letter. Only where it has `failed`. */
  readonly failure: "open" | "handled" | null;
  readonly possiblyDuplicated: boolean;
  /** `undefined`: as it was. */
  readonly input?: Json;
  readonly output?: Json;
  readonly error?: ErrorRecord;
  /** Puts the attempt on record, with this error. */
  readonly attemptError?: ErrorRecord;
  /** Of the dead letter. */
  readonly fingerprint?: string;
  /** How many more bytes the run's values have with this result. Default 0. */
  readonly bytes?: number;
}

export interface FinishedItems {
  /** As it is now; `null`: nobody waits for it, or none of the results was taken. */
  readonly map: MapState | null;
  /** Items whose results were taken. Others ran under another fence by then. */
  readonly taken: readonly number[];
  /** Of all values of the run. */
  readonly runBytes: number;
}

export interface IdleMap extends MapRef, MapState {
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
}

export interface MapStore {
  /**
   * Makes up to `limit` items `running` under this worker: as many as the map may run at once, and none of a run that is paused, or
   * cancelled, unless they undo something.
   */
  claimItems(request: ClaimItems): Promise<ClaimedItems>;
  /** Writes results, each where the item still runs under that fence, and counts those that were written. */
  finishItems(map: MapRef, results: readonly ItemResult[]): Promise<FinishedItems>;
  /** The running items of a map under these fences, with what is known of them. */
  itemStates(
    map: MapRef,
    refs: readonly { readonly item: number; readonly fence: number }[],
  ): Promise<readonly ClaimedItem[]>;
  /** What these items of a map gave. Those that have not succeeded are left out. */
  itemOutputs(map: MapRef, items: readonly number[]): Promise<ReadonlyMap<number, Json>>;
  /** Items that wait for their children, by place, behind this one. */
  itemsWithChildren(
    map: MapRef,
    page: { readonly after: number; readonly limit: number },
  ): Promise<readonly { readonly item: number; readonly generation: number }[]>;
  /** Those of these items that run, or whose dead letter is open, in this generation. */
  itemsOfChildren(
    map: MapRef,
    refs: readonly { readonly item: number; readonly generation: number }[],
  ): Promise<readonly (ClaimedItem & { readonly isOpen: boolean })[]>;
  /** Items of a map that failed, by place. */
  failedItems(
    map: MapRef,
    limit: number,
  ): Promise<readonly { readonly item: number; readonly error: ErrorRecord }[]>;
  /**
   * Maps that nobody may be working on: those that are complete while their node waits, those that could run more items, where
   * nothing has happened for `quietMs` or an item waits to be run again and is due, and those that are closed while items wait for
   * their children, where nothing has happened for `quietMs`.
   */
  idleMaps(options: { readonly quietMs: number; readonly limit: number }): Promise<readonly IdleMap[]>;
}

/** Nothing of the map runs, and nothing will. */
export function isComplete({ running, waiting, next, total, closed }: MapState): boolean {
  return running === 0 && (closed || (waiting === 0 && next === total));
}
