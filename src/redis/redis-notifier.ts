/**
 * The notifier over Redis pub/sub. A subscriber's connection can do nothing else, so it has its own; ioredis subscribes it again
 * after every reconnect. What is published while a subscriber is away never reaches it, and need not.
 */
import { randomUUID } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { FlowForgeError } from "../core/errors.ts";
import { Notices, noticedRuns, type NoticeKind } from "../core/notices.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Notifier } from "../core/ports/notifier.ts";
import { connectRedis, redisClient, redisTarget, redisUnreachable } from "./connection.ts";
import type { RedisClient, RedisConnection } from "./servers.ts";

export interface RedisNotifierOptions {
  /** Copied, where it is a client: neither used nor closed. */
  readonly redis: RedisConnection;
  /** Begins the names of both channels. */
  readonly prefix: string;
  readonly logger: Logger;
}

/** `open` throws `redis_unreachable`; `watch` and `moved` throw it too, within about two seconds. */
export function createRedisNotifier(options: RedisNotifierOptions): Notifier {
  return new RedisNotifier(options);
}

class RedisNotifier implements Notifier {
  readonly #target: string;
  readonly #prefix: string;
  readonly #publisher: RedisClient;
  readonly #subscriber: RedisClient;
  readonly #notices: Notices;
  readonly #sender = randomUUID();
  readonly #listeners = {
    watch: new Set<(runId: string) => void>(),
    moved: new Set<(runId: string) => void>(),
  };

  constructor({ redis, prefix, logger }: RedisNotifierOptions) {
    this.#target = redisTarget(redis);
    this.#prefix = prefix;
    const onError = (error: Error): void => {
      logger.debug({ error, redis: this.#target }, "a connection of the notifier reports an error");
    };
    this.#publisher = redisClient(redis, "hasty", onError);
    this.#subscriber = redisClient(redis, "patient", onError);
    const send = (kind: NoticeKind, messages: readonly string[]): Promise<void> =>
      this.#publish(kind, messages);
    this.#notices = new Notices({ sender: this.#sender, send, gather: () => turn() });
  }

  async open(): Promise<void> {
    await Promise.all(
      [this.#publisher, this.#subscriber].map((client) => connectRedis(client, this.#target)),
    );
    const channels = [this.#channel("watch"), this.#channel("moved")] as const;
    this.#subscriber.on("message", (channel: string, message: string) => {
      const kind: NoticeKind = channel === channels[0] ? "watch" : "moved";
      for (const runId of noticedRuns(message, this.#sender))
        for (const tell of this.#listeners[kind]) tell(runId);
    });
    await this.#subscriber.subscribe(...channels);
  }

  watch(runId: string): Promise<void> {
    return this.#notices.add("watch", [runId]);
  }

  onWatch(listener: (runId: string) => void): void {
    this.#listeners.watch.add(listener);
  }

  moved(runIds: readonly string[]): Promise<void> {
    return this.#notices.add("moved", runIds);
  }

  onMoved(listener: (runId: string) => void): void {
    this.#listeners.moved.add(listener);
  }

  async close(): Promise<void> {
    this.#publisher.disconnect();
    this.#subscriber.disconnect();
  }

  async #publish(kind: NoticeKind, messages: readonly string[]): Promise<void> {
    try {
      const channel = this.#channel(kind);
      await Promise.all(messages.map((message) => this.#publisher.publish(channel, message)));
    } catch (error) {
      throw FlowForgeError.is(error) ? error : redisUnreachable(this.#target, error);
    }
  }

  #channel(kind: NoticeKind): string {
    return `${this.#prefix}:${kind}`;
  }
}
