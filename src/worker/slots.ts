/**
 * Room in a worker: how many actions may run at once, and which workspaces hold how many of these places. A chain keeps its place from one
 * node to the next, so a place is handed on rather than given back and fought for again. A few are kept for workspaces that hold none: see
 * `KeptPlaces`.
 */
import { KeptPlaces } from "../core/limits/kept-places.ts";

interface Waiting {
  readonly workspace: string;
  readonly go: () => void;
}

export class Slots {
  readonly size: number;
  readonly #now: () => number;
  readonly #kept: KeptPlaces;
  /** By workspace; none is 0. */
  readonly #held = new Map<string, number>();
  #free: number;
  readonly #waiting: Waiting[] = [];
  readonly #listeners: ((free: number) => void)[] = [];

  /** `now`: monotonic, in milliseconds. */
  constructor(size: number, now: () => number = () => performance.now()) {
    this.size = size;
    this.#free = size;
    this.#now = now;
    this.#kept = new KeptPlaces(size);
  }

  /** Held by nobody. Not every workspace may take them all. */
  get free(): number {
    return this.#free;
  }

  /** Tasks in this process that wait for room. */
  get waiting(): number {
    return this.#waiting.length;
  }

  onChange(listener: (free: number) => void): void {
    this.#listeners.push(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener(this.#free);
  }

  /** How many places the workspace may take now. */
  open(workspace: string): number {
    const held = this.#held.get(workspace) ?? 0;
    return this.#kept.open({ workspace, free: this.#free, held, now: this.#now() });
  }

  /** Takes up to `wanted` places, and says how many it got. Those who wait have had what they may take. */
  take(workspace: string, wanted: number): number {
    const got = Math.max(0, Math.min(wanted, this.open(workspace)));
    if (got > 0) {
      this.#give(workspace, got);
      this.#changed();
    }
    return got;
  }

  /** Waits for one place. */
  async acquire(workspace: string): Promise<void> {
    if (this.take(workspace, 1) === 1) return;
    await new Promise<void>((go) => this.#waiting.push({ workspace, go }));
  }

  /** Takes places although there may be none: for work that is this worker's already. */
  borrow(workspace: string, count: number): void {
    this.#give(workspace, count);
    this.#changed();
  }

  release(workspace: string, count = 1): void {
    for (let left = count; left > 0; left--) {
      this.#give(workspace, -1);
      const index = this.#waiting.findIndex((waiting) => this.open(waiting.workspace) > 0);
      if (index < 0) continue;
      const [next] = this.#waiting.splice(index, 1);
      this.#give(next!.workspace, 1);
      next!.go();
    }
    if (count > 0) this.#changed();
  }

  #give(workspace: string, count: number): void {
    const held = (this.#held.get(workspace) ?? 0) + count;
    if (held > 0) this.#held.set(workspace, held);
    else this.#held.delete(workspace);
    if (count > 0) this.#kept.note(workspace, this.#now());
    this.#free -= count;
  }
}
