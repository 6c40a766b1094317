/**
 * Room in a worker: how many actions may run at once. A chain keeps its place from one node to the next, so a place is
 * handed on rather than given back and fought for again.
 */
export class Slots {
  readonly size: number;
  #free: number;
  #waiting: (() => void)[] = [];
  readonly #listeners: ((free: number) => void)[] = [];

  constructor(size: number) {
    this.size = size;
    this.#free = size;
  }

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

  /** Takes up to `wanted` places, and says how many it got. Those who wait go first. */
  take(wanted: number): number {
    if (this.#waiting.length > 0) return 0;
    const got = Math.max(0, Math.min(wanted, this.#free));
    this.#free -= got;
    if (got > 0) this.#changed();
    return got;
  }

  /** Waits for one place. */
  async acquire(): Promise<void> {
    if (this.take(1) === 1) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Takes a place although there may be none: for work that is this worker's already. */
  borrow(count: number): void {
    this.#free -= count;
    this.#changed();
  }

  release(count = 1): void {
    for (let i = 0; i < count; i++) {
      const next = this.#free >= 0 ? this.#waiting.shift() : undefined;
      if (next) next();
      else this.#free++;
    }
    if (count > 0) this.#changed();
  }
}
