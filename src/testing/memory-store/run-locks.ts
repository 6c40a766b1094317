/** Who holds which run. Only `commitLocked` holds one over time; everything else is done within one turn of the loop. */
export class RunLocks {
  readonly #held = new Map<string, Promise<void>>();

  isHeld(runId: string): boolean {
    return this.#held.has(runId);
  }

  /** Resolves when none of these is held: what the caller does before it waits again is done while they are free. */
  async free(runIds: Iterable<string>): Promise<void> {
    const ids = [...runIds];
    for (;;) {
      const held = ids.map((id) => this.#held.get(id)).find((end) => end !== undefined);
      if (held === undefined) return;
      await held;
    }
  }

  async hold<T>(runId: string, work: () => Promise<T>): Promise<T> {
    for (let held = this.#held.get(runId); held !== undefined; held = this.#held.get(runId)) await held;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(runId, promise);
    try {
      return await work();
    } finally {
      this.#held.delete(runId);
      resolve();
    }
  }
}
