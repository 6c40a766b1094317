/**
 * The scheduler: the doorbell. It tells workers that a node run is ready and carries ids only. It may lose tasks, repeat
 * them and deliver them late; nothing depends on it but latency. BullMQ on Redis or on PostgreSQL in production, memory in
 * `flowforge/testing`; all pass `schedulerContract`.
 */

export interface Task {
  readonly runId: string;
  readonly node: string;
  /** -1 for a node that does not map. */
  readonly item: number;
  readonly fence: number;
  readonly dispatches: number;
  readonly lane: string;
  /** Which plan the run follows, so that a worker knows what to load before it loads it. */
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
  /** The store's time at the handing over, in milliseconds since 1970. */
  readonly dispatchedAt: number;
}

/** `<runId>.<node>.<item>-<fence>-<dispatches>`: the same task twice is one task while the first is there. */
export function taskId(task: Task): string {
  return `${task.runId}.${task.node}.${task.item}-${task.fence}-${task.dispatches}`;
}

export interface LaneDepth {
  /** Tasks that no worker has taken yet. */
  readonly waiting: number;
  readonly active: number;
  /** `dispatchedAt` of the oldest waiting task; `null` where the lane is empty. */
  readonly oldest: number | null;
}

export interface ConsumerOptions {
  readonly lane: string;
  /** Tasks handled at once; may be changed with `setConcurrency`. */
  readonly concurrency: number;
  /** Must not throw. When it settles the task is acknowledged, which decides nothing. */
  readonly handle: (task: Task) => Promise<void>;
}

export interface Consumer {
  /** At least 1; takes effect for the next task. */
  setConcurrency(concurrency: number): void;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Tasks taken since the start; a watchdog compares it with what the store holds. */
  readonly taken: number;
  /** Throws the underlying consumer away and makes a new one. */
  rebuild(): Promise<void>;
  /** Takes no new task and waits for those in hand, but no longer than the deadline. */
  close(deadlineMs: number): Promise<void>;
}

export interface Scheduler {
  /** Connects, checks the server (version, settings) and sets up what the queue needs. */
  open(): Promise<void>;
  /** Fails within about 2 s where the queue is away; then nothing is lost, the sweeper sends again. */
  dispatch(tasks: readonly Task[]): Promise<void>;
  consume(options: ConsumerOptions): Promise<Consumer>;
  depth(lane: string): Promise<LaneDepth>;
  /**
   * The queue's age mark: `true` when it is there, `false` when it is gone (the queue was wiped) and has been set anew.
   * After `false` every `queued` node run must be sent again.
   */
  checkEpoch(): Promise<boolean>;
  close(): Promise<void>;
}
