/** Who holds which run. Only `commitLocked` holds one over time; everything else is done within one turn of the loop. */
export class RunLocks {
  readonly #held = new Map<string, Promise<void>>();

  isHeld(runId: string): boolean {
    return this.#held.has(runId);
  }

  /** The end of a hold on one of these; `undefined`: all are free, until the caller waits for something. */
  holdOf(runIds: readonly string[]): Promise<void> | undefined {
    return runIds.map((id) => this.#held.get(id)).find((end) => end !== undefined);
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
