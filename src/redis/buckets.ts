/**
 * Token buckets on Redis: see `Buckets`. One script for all that are asked in one call, by the clock of the server, so that none of the workers'
 * counts. In a cluster each key stands alone, so that they lie on all of its nodes, and so each is asked alone.
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

/** Of one script: it holds up the server while it runs. */
const MOST = 200;
const NUMBERS = 6;

/** Numbers travel as texts: Redis would cut what stands behind the point. */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local answers = {}
for i, key in ipairs(KEYS) do
  local arg = (i - 1) * ${NUMBERS}
  local rate, burst, fresh = tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2]), tonumber(ARGV[arg + 3])
  local wanted, returned = tonumber(ARGV[arg + 4]), tonumber(ARGV[arg + 5])
  local known = redis.call('HMGET', key, 'tokens', 'at')
  local at = tonumber(known[2] or now)
  local full = math.min(burst, tonumber(known[1] or fresh) + returned + math.max(0, now - at) * rate / 1000)
  local given = math.min(wanted, math.floor(full))
  redis.call('HSET', key, 'tokens', string.format('%.17g', full - given), 'at', string.format('%.17g', math.max(at, now)))
  redis.call('PEXPIRE', key, ARGV[arg + 6])
  answers[i] = { given, string.format('%.17g', full - given) }
end
return answers`;

/** Connects with the first bucket that is asked. */
export function createRedisBuckets({ prefix, ...connection }: RedisBucketsOptions): RedisBuckets {
  const client = new LazyClient(connection);
  return {
    async take(asks) {
      if (asks.length === 0) return [];
      const connected = await client.get();
      const most = connected.isCluster ? 1 : MOST;
      const parts = Array.from({ length: Math.ceil(asks.length / most) }, (_, n) =>
        asks.slice(n * most, (n + 1) * most),
      );
      return (await Promise.all(parts.map((part) => take(connected, prefix, part)))).flat();
    },
    close: () => client.close(),
  };
}

async function take(
  client: RedisClient,
  prefix: string,
  asks: readonly TokenAsk[],
): Promise<readonly Tokens[]> {
  const keys = asks.map(({ workspace }) => `${prefix}:bucket:${workspace}`);
  const numbers = asks.flatMap(numbersOf);
  const answers = (await client.eval(TAKE, keys.length, ...keys, ...numbers)) as readonly (readonly [
    number,
    string,
  ])[];
  return answers.map(([tokens, left], index) => {
    const { perSecond } = asks[index]!.rate;
    return { tokens, waitMs: Math.ceil((Math.max(0, 1 - Number(left)) * 1_000) / perSecond) };
  });
}

/** As many as `NUMBERS`. */
function numbersOf({ rate, wanted, returned }: TokenAsk): readonly number[] {
  const keepMs = Math.ceil(FORGET_MS + (rate.burst * 1_000) / rate.perSecond);
  return [rate.perSecond, rate.burst, freshTokens(rate), wanted, returned, keepMs];
}
