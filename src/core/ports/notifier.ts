/**
 * Tells whoever waits that a run has moved, across processes. A lost message costs latency only: every waiter also
 * looks for itself now and then.
 */
export interface Notifier {
  open(): Promise<void>;
  /** Tells the other processes that somebody here watches this run, so that they report its moves. */
  watch(runId: string): Promise<void>;
  /** Runs that other processes watch. */
  onWatch(listener: (runId: string) => void): void;
  /** A watched run has moved. */
  moved(runIds: readonly string[]): Promise<void>;
  onMoved(listener: (runId: string) => void): void;
  close(): Promise<void>;
}
