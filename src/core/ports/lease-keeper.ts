/** Keeps a worker's lease alive while the process's own event loop is blocked and cannot send heartbeats. */
export interface LeaseKeeper {
  /** From now on the lease of this worker is kept; `null`: nobody's. */
  keep(workerId: string | null): void;
  close(): Promise<void>;
}
