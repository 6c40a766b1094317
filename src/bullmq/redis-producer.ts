/** Adds jobs to queues of the host's on Redis, Valkey or Redis Cluster. */
import { QueueKeys } from "bullmq";
import { connectRedis, redisClient, redisTarget, redisUnreachable } from "../redis/connection.ts";
import type { RedisClient, RedisConnection } from "../redis/servers.ts";
import { redisBackend } from "./redis-transport.ts";
import type { Factory, Producer } from "./transport.ts";

export interface RedisProducerOptions {
  readonly redis: RedisConnection;
  readonly prefix: string;
  readonly onError: (error: unknown) => void;
}

/** No server is known before it is opened. */
export function redisProducer({ redis, prefix, onError }: RedisProducerOptions): Producer {
  const target = redisTarget(redis);
  const keys = new QueueKeys(prefix);
  let client: RedisClient | null = null;
  const factory: Factory = (...args) => redisBackend(keys, client!)(...args);
  return {
    prefix,
    factory,
    async open() {
      const opened = redisClient(redis, "hasty", onError);
      await connectRedis(opened, target);
      client = opened;
    },
    refused: (cause) => redisUnreachable(target, cause),
    async close() {
      client?.disconnect();
    },
  };
}
