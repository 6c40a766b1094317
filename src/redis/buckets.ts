/**
 * Token buckets on Redis: see `Buckets`. One script for each workspace, by the clock of the server, so that none of the workers' counts. Each
 * key stands alone, so that those of a cluster lie on all of its nodes.
 */
import { freshTokens } from "../core/limits/bucket.ts";
import type { Buckets, TokenAsk, Tokens } from "../core/ports/allowances.ts";
import { LazyClient, type LazyClientOptions } from "./lazy-client.ts";
import type { RedisClient } from "./servers.ts";

export interface RedisBucketsOptions extends LazyClientOptions {
  /** Begins the names of the keys. */
  readonly prefix: string;
}

export interface RedisBuckets extends Buckets {
  close(): Promise<void>;
}

/** A bucket that is full for so long is forgotten. */
const FORGET_MS = 86_400_000;

/** Numbers travel as texts: Redis would cut what stands behind the point. */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local rate, burst, fresh = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local wanted, returned = tonumber(ARGV[4]), tonumber(ARGV[5])
local known = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local at = tonumber(known[2] or now)
local full = math.min(burst, tonumber(known[1] or fresh) + returned + math.max(0, now - at) * rate / 1000)
local given = math.min(wanted, math.floor(full))
redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', full - given), 'at', string.format('%.17g', math.max(at, now)))
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return { given, string.format('%.17g', full - given) }`;

/** Connects with the first bucket that is asked. */
export function createRedisBuckets({ prefix, ...connection }: RedisBucketsOptions): RedisBuckets {
  const client = new LazyClient(connection);
  return {
    async take(asks) {
      if (asks.length === 0) return [];
      const connected = await client.get();
      return Promise.all(asks.map((ask) => take(connected, `${prefix}:bucket:${ask.workspace}`, ask)));
    },
    close: () => client.close(),
  };
}

async function take(client: RedisClient, key: string, ask: TokenAsk): Promise<Tokens> {
  const { rate, wanted, returned } = ask;
  const keepMs = Math.ceil(FORGET_MS + (rate.burst * 1_000) / rate.perSecond);
  const numbers = [rate.perSecond, rate.burst, freshTokens(rate), wanted, returned, keepMs];
  const answer = (await client.eval(TAKE, 1, key, ...numbers)) as readonly [number, string];
  const [tokens, left] = answer;
  return { tokens, waitMs: Math.ceil((Math.max(0, 1 - Number(left)) * 1_000) / rate.perSecond) };
}
