/**
 * Waiting for runs: whoever waits is told when the run moves, in this process directly, and from other processes through the
 * notifier. A lost message costs latency only: each waiter also looks for itself now and then.
 */
import type { Json } from "../core/json.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Notifier } from "../core/ports/notifier.ts";
import type { RunStatus } from "../core/run/state.ts";

/** Runs that finish sooner are never announced to the other processes. */
const ANNOUNCE_MS = 10;
const POLL_MS = [50, 250, 1_000] as const;
/** How long a run stays watched for another process without being asked for again. */
const WATCH_MS = 30_000;

/** How a run came to rest, where this process saw it. */
export interface Ended {
  readonly status: RunStatus;
  readonly output: Json | undefined;
}

type Listener = (ended?: Ended) => void;

export class Watch {
  readonly #notifier: Notifier;
  readonly #logger: Logger;
  readonly #listeners = new Map<string, Set<Listener>>();
  /** Runs that other processes watch, and until when. Monotonic. */
  readonly #remote = new Map<string, number>();

  constructor(notifier: Notifier, logger: Logger) {
    this.#notifier = notifier;
    this.#logger = logger;
    notifier.onWatch((runId) => this.#remote.set(runId, performance.now() + WATCH_MS));
    notifier.onMoved((runId) => this.#tell(runId));
  }

  /** A run moved in this process; `ended` where it came to rest. */
  moved(runId: string, ended?: Ended): void {
    this.#tell(runId, ended);
    const until = this.#remote.get(runId);
    if (until === undefined) return;
    if (until < performance.now()) this.#remote.delete(runId);
    else void this.#notifier.moved([runId]).catch((error: unknown) => this.#failed(error));
  }

  /**
   * Calls `look` at once and after every move of the run, until it returns something else than `undefined`, the time is over
   * (`undefined`) or the signal aborts (`undefined`).
   */
  async until<T>(runId: string, options: WaitOptions<T>): Promise<T | undefined> {
    const endsAt = options.timeoutMs === undefined ? Infinity : performance.now() + options.timeoutMs;
    let wake: Listener = () => {};
    let moves = 0;
    let ended: Ended | undefined;
    const listener = (how?: Ended): void => {
      moves++;
      ended = how;
      wake();
    };
    this.#listen(runId, listener);
    const announcement = setTimeout(() => this.#announce(runId), ANNOUNCE_MS);
    try {
      for (let round = 0; ; round++) {
        const seen = moves;
        const found = await options.look(ended);
        if (found !== undefined) return found;
        if (options.signal?.aborted || performance.now() >= endsAt) return undefined;
        if (moves > seen) continue;
        if (round > 0 && round % 20 === 0) this.#announce(runId);
        const pollMs = POLL_MS[Math.min(round, POLL_MS.length - 1)]!;
        await sleep(Math.min(pollMs, endsAt - performance.now()), (fire) => (wake = fire), options.signal);
      }
    } finally {
      clearTimeout(announcement);
      this.#unlisten(runId, listener);
    }
  }

  #announce(runId: string): void {
    void this.#notifier.watch(runId).catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    this.#logger.debug({ error }, "other processes could not be told about a run; waiters poll");
  }

  #tell(runId: string, ended?: Ended): void {
    const listeners = this.#listeners.get(runId);
    if (listeners) for (const listener of listeners) listener(ended);
  }

  #listen(runId: string, listener: Listener): void {
    const listeners = this.#listeners.get(runId);
    if (listeners) listeners.add(listener);
    else this.#listeners.set(runId, new Set([listener]));
  }

  #unlisten(runId: string, listener: Listener): void {
    const listeners = this.#listeners.get(runId);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#listeners.delete(runId);
  }
}

export interface WaitOptions<T> {
  /** Gets how the run ended, where this process just saw it. */
  readonly look: (ended: Ended | undefined) => Promise<T | undefined> | T | undefined;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

function sleep(
  ms: number,
  onWake: (fire: () => void) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, Math.max(0, ms));
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    onWake(done);
    signal?.addEventListener("abort", done, { once: true });
  });
}
