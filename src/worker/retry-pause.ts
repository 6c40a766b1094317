const RETRY_MS = [20, 100, 500, 2_000] as const;

/** How long to wait before the store is asked again. `attempt`: from 0. */
export function retryMs(attempt: number): number {
  return RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]!;
}
