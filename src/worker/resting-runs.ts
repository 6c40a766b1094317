/**
 * The runs without anything to do that are kept in memory, so that what comes next for them finds them there. Those that have rested
 * longest go first; a run that is read again costs one round trip, and a process without memory costs all of them.
 */
const MAX_RUNS = 1_000;
const MAX_BYTES = 64 << 20;

export class RestingRuns {
  /** Bytes of their values by id, in the order in which they came to rest. */
  readonly #bytes = new Map<string, number>();
  #total = 0;

  /** The run rests. Gives those for which there is no room any more: it may be one of them. */
  add(id: string, bytes: number): readonly string[] {
    this.delete(id);
    this.#bytes.set(id, bytes);
    this.#total += bytes;
    const gone: string[] = [];
    for (const oldest of this.#bytes.keys()) {
      if (this.#bytes.size <= MAX_RUNS && this.#total <= MAX_BYTES) break;
      this.delete(oldest);
      gone.push(oldest);
    }
    return gone;
  }

  delete(id: string): void {
    this.#total -= this.#bytes.get(id) ?? 0;
    this.#bytes.delete(id);
  }

  clear(): void {
    this.#bytes.clear();
    this.#total = 0;
  }
}
