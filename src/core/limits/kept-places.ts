/**
 * Places of a worker that are kept for whoever comes. Where several workspaces are at work, one that holds no place here finds one at once,
 * and does not wait until something of another one ends: its first step begins with its start, however much the others have.
 *
 * Who is the only one at work has all places. A place that was kept costs the others no more than this part of the worker.
 */
const ONE_IN = 20;
/** So long a worker remembers that others were there. */
const SHARED_MS = 60_000;

export interface PlaceWish {
  readonly workspace: string;
  /** Places that nobody holds. Below 0: more are held than there are. */
  readonly free: number;
  /** Places that the workspace holds already. */
  readonly held: number;
  /** Monotonic, in milliseconds. */
  readonly now: number;
}

export class KeptPlaces {
  readonly #kept: number;
  /** Who was given a place last, and when. */
  #last: string | null = null;
  #lastAt = -Infinity;
  /** When anybody else was. */
  #otherAt = -Infinity;

  /** `size`: all places of the worker. */
  constructor(size: number) {
    this.#kept = Math.floor(size / ONE_IN);
  }

  /** A place was given to it. */
  note(workspace: string, now: number): void {
    if (workspace !== this.#last) this.#otherAt = this.#lastAt;
    this.#last = workspace;
    this.#lastAt = now;
  }

  /** How many of the free places it may take. */
  open({ workspace, free, held, now }: PlaceWish): number {
    const othersAt = workspace === this.#last ? this.#otherAt : this.#lastAt;
    const kept = now - othersAt < SHARED_MS ? this.#kept : 0;
    if (free > kept) return free - kept;
    return held === 0 && free > 0 ? 1 : 0;
  }
}
