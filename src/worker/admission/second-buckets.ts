/** Buckets that others stand in for while they cannot be asked. A bucket that changes sides holds a block there, or what it held before. */
import type { Buckets, TokenAsk, Tokens } from "../../core/ports/allowances.ts";
import type { Logger } from "../../core/ports/logger.ts";

export interface SecondBucketsOptions {
  readonly first: Buckets;
  readonly second: Buckets;
  readonly logger: Logger;
  /** Monotonic, in milliseconds. */
  readonly now?: () => number;
}

/** So long nobody tries the first ones again. */
const AWAY_MS = 5_000;

export class SecondBuckets implements Buckets {
  readonly #options: SecondBucketsOptions;
  #awayUntil = 0;

  constructor(options: SecondBucketsOptions) {
    this.#options = options;
  }

  async take(asks: readonly TokenAsk[]): Promise<readonly Tokens[]> {
    const { first, second, logger, now = () => performance.now() } = this.#options;
    if (now() >= this.#awayUntil) {
      try {
        return await first.take(asks);
      } catch (error) {
        this.#awayUntil = now() + AWAY_MS;
        logger.warn({ error }, "Redis cannot say what workspaces may begin; PostgreSQL does for a while");
      }
    }
    return second.take(asks);
  }
}
