/**
 * What a host may pass for Redis, and which servers that names. Types of ioredis only: whoever asks loads nothing of it.
 *
 * Clients are told by their shape and not by their class: the host may have another copy of ioredis than we have.
 */
import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from "ioredis";

/** A Redis Cluster: some of its nodes, from which the others are learnt, and what ioredis takes for a cluster. */
export interface RedisClusterOptions {
  /** URLs, ports on this machine, or `{ host, port }`. One that answers is enough; name several, as one may be away. */
  readonly nodes: readonly ClusterNode[];
  /** `natMap`, `dnsLookup`, `redisOptions` with `username`, `password` and `tls`, and others as ioredis takes them. Default: none. */
  readonly options?: ClusterOptions;
}

/** A URL, options as ioredis takes them, a cluster by its nodes, or a client of the host's. */
export type RedisConnection = string | RedisOptions | RedisClusterOptions | Redis | Cluster;
export type RedisClient = Redis | Cluster;

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

export function isClient(connection: RedisConnection): connection is RedisClient {
  return (
    typeof connection === "object" && "duplicate" in connection && typeof connection.duplicate === "function"
  );
}

export function isCluster(connection: RedisConnection): connection is Cluster {
  return isClient(connection) && connection.isCluster;
}

export function namesCluster(connection: RedisConnection): connection is RedisClusterOptions {
  return typeof connection === "object" && "nodes" in connection && Array.isArray(connection.nodes);
}

/** Where a server listens; the path of a socket on this machine is nobody else's. */
export type RedisServer = { readonly host: string; readonly port: number } | { readonly path: string };

/** Each server that is named. Of a cluster's client the nodes that it knows so far. */
export function serversOf(connection: Exclude<RedisConnection, string>): readonly RedisServer[] {
  if (isCluster(connection)) return connection.nodes().map(({ options }) => at(options));
  if (namesCluster(connection)) return connection.nodes.map(serverOfNode);
  const { path, host, port, sentinels }: RedisOptions = isClient(connection)
    ? connection.options
    : connection;
  if (path) return [{ path }];
  if (sentinels) return sentinels.map((one) => at(one, SENTINEL_PORT));
  return [at({ host, port })];
}

/** `host:port`, or the path of a socket; never a password. */
export function nameOfServer(server: RedisServer): string {
  return "path" in server ? server.path : `${server.host}:${server.port}`;
}

interface Place {
  readonly host?: string | undefined;
  readonly port?: number | string | undefined;
}

function at({ host, port }: Place, usual: number = REDIS_PORT): RedisServer {
  return { host: host ?? "127.0.0.1", port: Number(port ?? usual) };
}

function serverOfNode(node: ClusterNode): RedisServer {
  if (typeof node === "number") return at({ port: node });
  if (typeof node !== "string") return at(node);
  if (/^\d+$/.test(node)) return at({ port: node });
  // As ioredis does: `host:port` is an address too.
  const address = node.includes("://") ? node : `redis://${node}`;
  if (!URL.canParse(address)) return { path: "an address that is none" };
  const { hostname, port } = new URL(address);
  return at({ host: hostname.replace(/^\[|\]$/g, ""), port: port || undefined });
}
