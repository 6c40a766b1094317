/**
 * How many node runs of a workspace may wait in the queue, and how many of these one process may have handed over.
 *
 * The queue is first in, first out, and nobody's turn is decided there. So by default it holds no more than the live workers run at once,
 * shared by weight among the workspaces that have anything in it: whoever comes waits for about one action behind what is there already, or
 * for a few where one workspace had it for itself. Everything else stands in line in the store, where the workspaces take turns. Where one
 * worker does the work of one workspace there are no turns to take, and what it can do within a second goes through neither.
 */
import type { LimitsInForce } from "./workspace-limits.ts";

/** The queue as whoever wants something put into it finds it. */
export interface QueueSharing {
  /** Node runs that all live workers together run at once. At least 1. */
  readonly places: number;
  /** The weights of all other workspaces that have something in the queue, or stand in line. 0: there are none. */
  readonly rivals: number;
  /** One worker does all the work: what is handed over waits in its own backlog. */
  readonly isAlone: boolean;
}

/** What one process alone keeps in its backlog of one workspace: about what it may do within the second that it keeps it there. */
const ALONE = 5_000;
/** Nobody else is behind it, and what is in the queue all workers have at once, where lines give most of a run's steps to one of them. */
const UNCONTESTED = 4;
/** However many share the queue, a few steps of each may be in it. */
export const LEAST_SHARE = 4;

/** At least 1. */
export function queueLimit(
  { queued, concurrency, rate, weight }: Pick<LimitsInForce, "queued" | "concurrency" | "rate" | "weight">,
  sharing: QueueSharing,
): number {
  const room = queued === "share" ? queueShare(weight, sharing) : (queued ?? Infinity);
  // What the queue holds beyond what may begin soon would only come back.
  const perSecond = rate ? Math.max(1, Math.ceil(rate.perSecond)) : Infinity;
  return Math.min(room, concurrency ?? Infinity, perSecond);
}

/** What a workspace of this weight may have in the queue where nothing else limits it. */
export function queueShare(weight: number, { places, rivals, isAlone }: QueueSharing): number {
  if (rivals === 0) return isAlone ? Math.max(ALONE, places) : places * UNCONTESTED;
  return Math.max(LEAST_SHARE, Math.floor((places * weight) / (weight + rivals)));
}

/**
 * One process's part of what is free, so that all together do not fill it twice; at least 1 where anything is free. Below 0: there is more
 * than there may be.
 */
export function partOfFree(limit: number, by: { readonly queued: number; readonly workers: number }): number {
  return Math.ceil((limit - by.queued) / Math.max(1, by.workers));
}
