/**
 * The store's time, estimated between two readings: every process keeps the offset between its own monotonic clock and the
 * store's. Only the store's own clock decides when something is due; this estimate is for showing and for local wake-ups.
 */
export class StoreClock {
  #offset: number = Date.now() - performance.now();

  now(): number {
    return performance.now() + this.#offset;
  }

  /** `storeNow` was read by a call that began at `sentAt` and ended at `receivedAt` (both `performance.now()`). */
  set(storeNow: number, sentAt: number, receivedAt: number): void {
    this.#offset = storeNow - (sentAt + receivedAt) / 2;
  }
}
