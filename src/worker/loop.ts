/** A maintenance loop: runs now and then, with jitter, never twice at once, and goes on after an error. */
import type { Logger } from "../core/ports/logger.ts";

export interface LoopOptions {
  readonly name: string;
  readonly logger: Logger;
  readonly random: () => number;
  /** Does one round, and says when the next is due at the latest, in milliseconds. */
  readonly round: () => Promise<number>;
  /** Pause after a failed round. */
  readonly errorMs: number;
}

export class Loop {
  readonly #options: LoopOptions;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Infinity;
  #running: Promise<void> | null = null;
  /** The loop was woken during the round under way. */
  #again = false;
  #stopped = true;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  start(firstInMs = 0): void {
    this.#stopped = false;
    this.wakeIn(firstInMs);
  }

  /** Asks for a round within this time. A later one that is planned already is brought forward. */
  wakeIn(ms: number): void {
    const dueAt = performance.now() + ms;
    if (this.#stopped || dueAt >= this.#dueAt) return;
    this.#dueAt = dueAt;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fire(), Math.min(ms, 2 ** 31 - 1));
  }

  /** Resolves when the round under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #fire(): void {
    this.#dueAt = Infinity;
    // What came while a round is under way is looked at right after it.
    if (this.#running) this.#again = true;
    else this.#running = this.#round();
  }

  async #round(): Promise<void> {
    const { name, logger, random, round, errorMs } = this.#options;
    let nextMs = errorMs;
    try {
      nextMs = await round();
    } catch (error) {
      if (!this.#stopped) logger.warn({ error, loop: name }, "a maintenance round failed; it is tried again");
    }
    this.#running = null;
    // Half to one and a half: the loops of many processes must not march in step.
    this.wakeIn(this.#again ? 0 : nextMs * (0.5 + random()));
    this.#again = false;
  }
}
