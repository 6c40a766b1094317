/** BullMQ on Redis, Valkey or Redis Cluster. */
import { QueueKeys, RedisConnection as BullConnection, RedisQueueBackend } from "bullmq";
import type { Logger } from "../core/ports/logger.ts";
import type { LaneDepth } from "../core/ports/scheduler.ts";
import { unpackTask } from "../core/task.ts";
import { connectRedis, redisClient, redisTarget, redisUnreachable } from "../redis/connection.ts";
import type { RedisClient, RedisConnection } from "../redis/servers.ts";
import { checkRedis } from "../redis/server-check.ts";
import type { ConsumerConnections, Factory, Transport } from "./transport.ts";

export interface RedisTransportOptions {
  readonly redis: RedisConnection;
  readonly prefix: string;
  readonly allowEviction: boolean;
  readonly logger: Logger;
  readonly onError: (error: unknown) => void;
}

/** The lane is the hash tag: all keys of a queue are in one slot, and lanes spread over a cluster. */
const queueName = (lane: string): string => `{${lane}}`;

/** The next task to be taken is the last one of the list. */
const DEPTH = `
local id = redis.call("LINDEX", KEYS[1], -1)
local data = id and redis.call("HGET", ARGV[1] .. id, "data")
return { redis.call("LLEN", KEYS[1]), redis.call("LLEN", KEYS[2]), data or "" }`;

export function redisTransport(options: RedisTransportOptions): Transport {
  const { redis, prefix, allowEviction, logger, onError } = options;
  const target = redisTarget(redis);
  const keys = new QueueKeys(prefix);
  const client = redisClient(redis, "hasty", onError);
  return {
    target,
    prefix,
    queueName,
    producer: redisBackend(keys, client),
    async open() {
      await connectRedis(client, target);
      try {
        await checkRedis(client, { target, allowEviction, logger });
      } catch (error) {
        client.disconnect();
        throw error;
      }
    },
    consumer: (report) => consumerConnections(redis, keys, report),
    async depth(lane): Promise<LaneDepth> {
      const { wait = "", active = "", "": base = "" } = keys.getKeys(queueName(lane));
      const answer: unknown = await client.eval(DEPTH, 2, wait, active, base);
      const [waiting, running, data] = Array.isArray(answer) ? (answer as readonly unknown[]) : [];
      const task = typeof data === "string" && data !== "" ? unpackTask(JSON.parse(data), lane) : null;
      return { waiting: Number(waiting), active: Number(running), oldest: task?.dispatchedAt ?? null };
    },
    mark: async () => (await client.set(`${prefix}:epoch`, String(Date.now()), "NX")) === null,
    unreachable: (cause) => redisUnreachable(target, cause),
    async close() {
      client.disconnect();
    },
  };
}

function consumerConnections(
  redis: RedisConnection,
  keys: QueueKeys,
  onError: (error: unknown) => void,
): ConsumerConnections {
  const main = redisClient(redis, "patient", onError);
  const blocking = redisClient(redis, "patient", onError);
  return {
    factory: redisBackend(keys, main, blocking),
    ping: () => main.ping(),
    async drop() {
      main.disconnect();
      blocking.disconnect();
    },
  };
}

/** `shared`: BullMQ must not close what it has not opened. The server was checked by us, once and not per connection. */
export function redisBackend(keys: QueueKeys, main: RedisClient, blocking?: RedisClient): Factory {
  return (name, opts) =>
    new RedisQueueBackend(
      new BullConnection(main, { shared: true, blocking: false, skipVersionCheck: true }),
      name,
      keys.getKeys(name),
      (type) => keys.toKey(name, type),
      { ...opts, connection: main },
      blocking && new BullConnection(blocking, { shared: true, blocking: true, skipVersionCheck: true }),
    );
}
