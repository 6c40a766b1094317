/** A connection that is made with the first call, and made anew with the next one where that failed. For what can be done without, too. */
import { connectRedis, redisClient, redisTarget } from "./connection.ts";
import type { RedisClient, RedisConnection } from "./servers.ts";

export interface LazyClientOptions {
  /** Copied, where it is a client: neither used nor closed. */
  readonly redis: RedisConnection;
  readonly onError: (error: Error) => void;
}

export class LazyClient {
  readonly #options: LazyClientOptions;
  #client: Promise<RedisClient> | null = null;

  constructor(options: LazyClientOptions) {
    this.#options = options;
  }

  /** Rejects with `redis_unreachable`. */
  async get(): Promise<RedisClient> {
    this.#client ??= this.#open();
    // Who could not connect begins anew the next time.
    return this.#client.catch((error: unknown) => {
      this.#client = null;
      throw error;
    });
  }

  async close(): Promise<void> {
    // One that never came to be connected was closed by whoever tried.
    const connected = await this.#client?.catch(() => null);
    connected?.disconnect();
  }

  async #open(): Promise<RedisClient> {
    const { redis, onError } = this.#options;
    const made = redisClient(redis, "hasty", onError);
    await connectRedis(made, redisTarget(redis));
    return made;
  }
}
