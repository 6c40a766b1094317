/**
 * Connections to Redis. A client that the host lends is never used and never closed: it is copied, with options that fit the
 * purpose, because a consumer that waits for ever and a producer that must fail fast cannot share one.
 */
import { Redis } from "ioredis";
import type { Cluster, RedisOptions } from "ioredis";
import { FlowForgeError } from "../core/errors.ts";

/** A URL, options as ioredis takes them, or a client of the host's. */
export type RedisConnection = string | RedisOptions | Redis | Cluster;
export type RedisClient = Redis | Cluster;

/** Also the time that a producer waits for an answer. */
export const ANSWER_MS = 2_000;
const CONNECT_MS = 5_000;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 2_000;

/** 200 ms to 2 s, a quarter more or less, so that many processes do not return in step. Below 100 ms blocking commands hang. */
export function reconnectDelay(attempt: number): number {
  const delay = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt - 1, 10));
  return Math.round(Math.min(LAST_RETRY_MS, delay * (0.75 + Math.random() * 0.5)));
}

/**
 * `patient` keeps a command until the server is back, as consumers and subscribers need it; `hasty` refuses it at once where
 * there is no connection and gives an answer two seconds, as producers need it.
 */
export type Patience = "patient" | "hasty";

/** An unconnected client (`connect` it, or give it to BullMQ); errors go to `onError` and end nothing. */
export function redisClient(
  connection: RedisConnection,
  patience: Patience,
  onError: (error: Error) => void,
): RedisClient {
  const client = made(connection, profile(patience));
  client.on("error", onError);
  return client;
}

interface Profile {
  readonly retryStrategy: (attempt: number) => number;
  readonly connectTimeout: number;
  readonly lazyConnect: boolean;
  /** BullMQ and we spell out every key. */
  readonly keyPrefix: string;
  /** The shape of answers that BullMQ reads, whatever the host's client has. */
  readonly replyMapping: "legacy";
  readonly maxRetriesPerRequest: number | null;
  readonly enableOfflineQueue: boolean;
  readonly commandTimeout?: number;
}

function profile(patience: Patience): Profile {
  const shared = {
    retryStrategy: reconnectDelay,
    connectTimeout: ANSWER_MS,
    lazyConnect: true,
    keyPrefix: "",
    replyMapping: "legacy",
  } as const;
  if (patience === "patient") return { ...shared, maxRetriesPerRequest: null, enableOfflineQueue: true };
  return { ...shared, maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: ANSWER_MS };
}

function made(connection: RedisConnection, options: Profile): RedisClient {
  if (typeof connection === "string") return new Redis(connection, options);
  if (isCluster(connection)) {
    const { retryStrategy: _, lazyConnect, enableOfflineQueue, ...perNode } = options;
    return connection.duplicate([], {
      clusterRetryStrategy: reconnectDelay,
      lazyConnect,
      enableOfflineQueue,
      keyPrefix: "",
      redisOptions: { ...connection.options.redisOptions, ...perNode },
    });
  }
  if (isClient(connection)) return connection.duplicate(options);
  return new Redis({ ...connection, ...options });
}

/** By shape and not by class: the host may have another copy of ioredis than we have. */
function isClient(connection: RedisOptions | RedisClient): connection is RedisClient {
  return "duplicate" in connection && typeof connection.duplicate === "function";
}

export function isCluster(connection: RedisConnection): connection is Cluster {
  return typeof connection === "object" && isClient(connection) && connection.isCluster;
}

/** `host:port`, never a password. */
export function redisTarget(connection: RedisConnection): string {
  if (isCluster(connection)) {
    const nodes = connection.nodes().map(({ options }) => address(options));
    return nodes.length === 0 ? "the nodes of the cluster" : nodes.join(", ");
  }
  if (typeof connection === "object") return address(isClient(connection) ? connection.options : connection);
  const { options } = new Redis(connection, { lazyConnect: true });
  return address(options);
}

function address({ path, host, port, sentinels }: RedisOptions): string {
  if (path) return path;
  if (sentinels) return sentinels.map((one) => `${one.host ?? "127.0.0.1"}:${one.port ?? 26_379}`).join(", ");
  return `${host ?? "127.0.0.1"}:${port ?? 6379}`;
}

/** Connects. Throws `redis_unreachable`, with the last error of the connection as its cause. */
export async function connectRedis(client: RedisClient, target: string): Promise<void> {
  let last: unknown;
  let late: NodeJS.Timeout | undefined;
  const listen = (error: unknown): void => void (last = error);
  client.on("error", listen);
  try {
    const deadline = new Promise<never>((_, reject) => {
      late = setTimeout(() => reject(last ?? new Error(`no connection within ${CONNECT_MS} ms`)), CONNECT_MS);
    });
    const connecting = client.connect();
    connecting.catch(() => undefined);
    await Promise.race([connecting, deadline]);
  } catch (error) {
    client.disconnect();
    throw redisUnreachable(target, last ?? error);
  } finally {
    clearTimeout(late);
    client.off("error", listen);
  }
}

export function redisUnreachable(target: string, cause: unknown): FlowForgeError {
  return new FlowForgeError("redis_unreachable", {
    subject: `Redis at ${target}`,
    received: cause instanceof Error ? (codeOf(cause) ?? cause.message) : String(cause),
    next: "Check that the server runs and accepts connections with these settings.",
    cause,
  });
}

function codeOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}
