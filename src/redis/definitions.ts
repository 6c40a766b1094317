/**
 * Definitions on Redis: see `DefinitionCache`. One hash for each workspace, so that a workspace that is deleted takes one command, and one key for each command,
 * so that a cluster can have it. Redis evicts nothing here (`noeviction`), so it is bounded: small definitions only, a few hundred of a workspace, for a day.
 */
import type { DefinitionCache } from "../core/ports/definition-cache.ts";
import { LazyClient, type LazyClientOptions } from "./lazy-client.ts";

export interface RedisDefinitionsOptions extends LazyClientOptions {
  /** Begins the names of the keys. */
  readonly prefix: string;
}

export interface RedisDefinitions extends DefinitionCache {
  close(): Promise<void>;
}

/** Characters of JSON. A larger one is read from PostgreSQL by each process. */
const MAX_TEXT = 65_536;
/** Together at most 16 MiB of a workspace. */
const MAX_DEFINITIONS = 256;
const KEEP_MS = 86_400_000;

/** Which of them are in use, nobody knows here; so where it is full it begins anew. */
const WRITE = `
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then redis.call('UNLINK', KEYS[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])`;

/** Connects with the first call. */
export function createRedisDefinitions({ prefix, ...connection }: RedisDefinitionsOptions): RedisDefinitions {
  const client = new LazyClient(connection);
  const keyOf = (workspace: string): string => `${prefix}:definitions:${workspace}`;
  return {
    read: async (workspace, checksum) => (await client.get()).hget(keyOf(workspace), checksum),
    async write(workspace, checksum, text) {
      if (text.length > MAX_TEXT) return;
      const connected = await client.get();
      await connected.eval(WRITE, 1, keyOf(workspace), checksum, text, MAX_DEFINITIONS, KEEP_MS);
    },
    async forget(workspace) {
      await (await client.get()).unlink(keyOf(workspace));
    },
    close: () => client.close(),
  };
}
