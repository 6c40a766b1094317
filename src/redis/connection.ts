/**
 * Connections to Redis. A client that the host lends is never used and never closed: it is copied, with options that fit the
 * purpose, because a consumer that waits for ever and a producer that must fail fast cannot share one.
 */
import { Cluster, Redis } from "ioredis";
import type { ClusterOptions } from "ioredis";
import { FlowForgeError } from "../core/errors.ts";
import {
  isCluster,
  isClient,
  nameOfServer,
  namesCluster,
  type RedisClient,
  type RedisConnection,
  serversOf,
} from "./servers.ts";

/** Also the time that a producer waits for an answer. */
export const ANSWER_MS = 2_000;
const CONNECT_MS = 5_000;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 2_000;
/**
 * A server that hangs closes no connection. A consumer, whose longest wait is 5 seconds, gives it up after this and asks who is the
 * master now.
 */
const SILENCE_MS = 15_000;
/** Together a minute, in which a replica is promoted; ioredis alone gives up after less than two seconds. */
const FAILOVER = { maxRedirections: 300, retryDelayOnFailover: 200, retryDelayOnClusterDown: 200 } as const;

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
  const client = made(connection, patience);
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
  readonly socketTimeout?: number;
}

function profile(patience: Patience): Profile {
  const shared = {
    retryStrategy: reconnectDelay,
    connectTimeout: ANSWER_MS,
    lazyConnect: true,
    keyPrefix: "",
    replyMapping: "legacy",
  } as const;
  if (patience === "patient")
    return { ...shared, maxRetriesPerRequest: null, enableOfflineQueue: true, socketTimeout: SILENCE_MS };
  return { ...shared, maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: ANSWER_MS };
}

function made(connection: RedisConnection, patience: Patience): RedisClient {
  const options = profile(patience);
  if (typeof connection === "string") return new Redis(connection, options);
  if (isCluster(connection))
    return unhurried(connection.duplicate([], clusterProfile(connection.options, patience)));
  if (namesCluster(connection)) {
    const given = connection.options ?? {};
    return unhurried(new Cluster([...connection.nodes], { ...given, ...clusterProfile(given, patience) }));
  }
  if (isClient(connection)) return connection.duplicate(options);
  return new Redis({ ...connection, ...options });
}

function clusterProfile({ redisOptions }: ClusterOptions, patience: Patience) {
  // Nodes do not reconnect by themselves: a node that is gone may be another one's replica by now, so the slots are asked for again.
  const { retryStrategy: _, lazyConnect, enableOfflineQueue, ...perNode } = profile(patience);
  return {
    clusterRetryStrategy: reconnectDelay,
    lazyConnect,
    enableOfflineQueue,
    keyPrefix: "",
    // A replica that lags behind would say that a lane is empty, and its tasks would be sent once more.
    scaleReads: "master" as const,
    shardedSubscribers: false,
    enableAutoPipelining: false,
    ...(patience === "patient" ? FAILOVER : {}),
    redisOptions: { ...redisOptions, ...perNode },
  };
}

interface Subscribing {
  readonly subscriber?: { onSubscriberEnd?: () => void };
}

/**
 * A cluster's subscriber that has lost its node looks for another one at once, and where that is away too at once again: with the whole cluster away, a
 * thousand times a second. ioredis has no option for that, so its handler is called a little later.
 */
function unhurried(cluster: Cluster): Cluster {
  const { subscriber } = cluster as unknown as Subscribing;
  const again = subscriber?.onSubscriberEnd;
  if (subscriber && again)
    subscriber.onSubscriberEnd = () => void setTimeout(again, reconnectDelay(1)).unref();
  return cluster;
}

/** `host:port`, never a password. */
export function redisTarget(connection: RedisConnection): string {
  if (typeof connection === "string") return redisTarget(new Redis(connection, { lazyConnect: true }));
  const servers = serversOf(connection);
  return servers.length === 0 ? "the nodes of the cluster" : servers.map(nameOfServer).join(", ");
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
    received: reasonOf(cause),
    next: "Check that the server runs and accepts connections with these settings.",
    cause,
  });
}

/** A cluster none of whose nodes answers tells of one of them. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if ("lastNodeError" in cause && cause.lastNodeError instanceof Error) return reasonOf(cause.lastNodeError);
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
}
