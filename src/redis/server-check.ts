/** What a Redis server must be like before tasks are trusted to it. */
import { FlowForgeError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import { isCluster, type RedisClient } from "./servers.ts";

/** The oldest that BullMQ recommends, and the oldest with everything that its scripts use. */
const OLDEST: readonly [number, number] = [6, 2];

export interface ServerCheck {
  readonly target: string;
  /** Accepts a server that may evict keys. */
  readonly allowEviction: boolean;
  readonly logger: Logger;
}

/** Throws `redis_too_old`, `redis_policy_unsafe` or `redis_is_cluster`. Looks at every master of a cluster. */
export async function checkRedis(client: RedisClient, check: ServerCheck): Promise<void> {
  const servers: readonly RedisClient[] = isCluster(client) ? client.nodes("master") : [client];
  await Promise.all(servers.map((server) => checkServer(server, check)));
  if (!isCluster(client) && (await isOneOfMany(client))) throw partOfCluster(check.target);
}

/** A server that answers for all keys is as good as one alone, whatever it calls itself. */
async function isOneOfMany(server: RedisClient): Promise<boolean> {
  try {
    const masters = fields(await server.cluster("INFO")).get("cluster_size");
    return Number(masters) > 1;
  } catch {
    // Not a cluster, or a proxy before one that hides it.
    return false;
  }
}

async function checkServer(server: RedisClient, check: ServerCheck): Promise<void> {
  const info = fields(await server.info());
  const version = info.get("valkey_version") ?? info.get("redis_version");
  if (version !== undefined && isOlder(version)) throw tooOld(check.target, version);
  const policy = info.get("maxmemory_policy") ?? (await configuredPolicy(server));
  if (policy === undefined) {
    check.logger.warn(
      { redis: check.target },
      'this Redis does not tell its maxmemory-policy; it must be "noeviction"',
    );
  } else if (policy !== "noeviction") {
    if (!check.allowEviction) throw unsafe(check.target, policy);
    check.logger.warn(
      { redis: check.target, policy },
      "this Redis may evict tasks; they are found again, but late",
    );
  }
}

function fields(info: string): ReadonlyMap<string, string> {
  const pairs = info.split(/\r?\n/).flatMap((line) => {
    const at = line.indexOf(":");
    return at > 0 && !line.startsWith("#") ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
  });
  return new Map(pairs);
}

/** `undefined` where CONFIG is forbidden, as on managed servers. */
async function configuredPolicy(server: RedisClient): Promise<string | undefined> {
  try {
    const answer: unknown = await server.config("GET", "maxmemory-policy");
    return Array.isArray(answer) && typeof answer[1] === "string" ? answer[1] : undefined;
  } catch {
    return undefined;
  }
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}

function tooOld(target: string, version: string): FlowForgeError {
  return new FlowForgeError("redis_too_old", {
    subject: `Redis at ${target}`,
    expected: `${OLDEST.join(".")} or newer`,
    received: version,
    next: "Upgrade the server, or leave the option redis out: then the queue lives in PostgreSQL.",
  });
}

function partOfCluster(target: string): FlowForgeError {
  return new FlowForgeError("redis_is_cluster", {
    subject: `Redis at ${target}`,
    expected: "a server that has all keys, or the nodes of the cluster",
    received: "one node of a Redis Cluster",
    next: 'Pass redis: { nodes: ["redis://..."] } with one or more of its nodes, or an ioredis Cluster.',
  });
}

function unsafe(target: string, policy: string): FlowForgeError {
  return new FlowForgeError("redis_policy_unsafe", {
    subject: `Redis at ${target}`,
    expected: 'maxmemory-policy "noeviction"',
    received: JSON.stringify(policy),
    next: "Run CONFIG SET maxmemory-policy noeviction (and keep it in redis.conf), use another Redis, or pass allowEviction: true.",
  });
}
