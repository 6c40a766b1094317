/** The token buckets, wherever they are kept, against their contract. */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPostgresStore } from "../../src/postgres/store.ts";
import { createRedisBuckets } from "../../src/redis/buckets.ts";
import { bucketContract } from "../../src/testing/bucket-contract/contract.ts";
import { createMemoryStore } from "../../src/testing.ts";
import { describeRedis, redisUrl, testDatabase, type TestDatabase } from "../support/servers.ts";
import { shiftClock } from "../support/shift-clock.ts";

const tools = { describe, test, expect, fc };

bucketContract(
  "memory",
  async () => {
    let now = 1_000_000;
    const { buckets } = createMemoryStore({ clock: { now: () => now } });
    return { buckets, second: buckets, advance: async (ms) => void (now += ms), close: async () => {} };
  },
  tools,
);

describe("on PostgreSQL", () => {
  let database: TestDatabase;
  beforeAll(async () => void (database = await testDatabase()));
  afterAll(() => database.drop());

  bucketContract(
    "PostgreSQL",
    async () => {
      const schema = `buckets_${randomBytes(6).toString("hex")}`;
      const stores = [1, 2].map(() => createPostgresStore({ postgres: database.url, schema }));
      await stores[0]!.migrate();
      let shifted = 0;
      return {
        buckets: stores[0]!.buckets,
        second: stores[1]!.buckets,
        advance: (ms) => shiftClock(database, (shifted += ms), schema),
        close: async () => void (await Promise.all(stores.map((store) => store.close()))),
      };
    },
    tools,
  );
});

describeRedis("on Redis", () => {
  bucketContract(
    "Redis",
    async () => {
      const redis = redisUrl()!;
      const prefix = `fft_${randomBytes(6).toString("hex")}`;
      const client = new Redis(redis);
      const both = [1, 2].map(() => createRedisBuckets({ redis, prefix, onError: () => undefined }));
      const keys = (): Promise<string[]> => client.keys(`${prefix}:bucket:*`);
      return {
        buckets: both[0]!,
        second: both[1]!,
        // The server's clock cannot be shifted; what it was when each bucket was last asked can.
        advance: async (ms) => {
          for (const key of await keys()) {
            const at = Number(await client.hget(key, "at"));
            await client.hset(key, "at", at - ms);
          }
        },
        close: async () => {
          for (const key of await keys()) await client.del(key);
          client.disconnect();
          await Promise.all(both.map((each) => each.close()));
        },
      };
    },
    tools,
  );

  test("a Redis that was flushed lets through a block, and no burst", async () => {
    const redis = redisUrl()!;
    const prefix = `fft_${randomBytes(6).toString("hex")}`;
    const buckets = createRedisBuckets({ redis, prefix, onError: () => undefined });
    const client = new Redis(redis);
    const rate = { perSecond: 100, burst: 500 };
    const all = [{ workspace: "acme", rate, wanted: 500, returned: 0 }];
    await buckets.take([{ ...all[0]!, wanted: 0, returned: 500 }]);
    await client.del(...(await client.keys(`${prefix}:bucket:*`)));
    const [taken] = await buckets.take(all);
    expect(taken!.tokens).toBe(20);
    await client.del(...(await client.keys(`${prefix}:bucket:*`)));
    client.disconnect();
    await buckets.close();
  });

  test("many of one call are one command or few, and each has its own answer", async () => {
    const redis = redisUrl()!;
    const prefix = `fft_${randomBytes(6).toString("hex")}`;
    const buckets = createRedisBuckets({ redis, prefix, onError: () => undefined });
    const client = new Redis(redis);
    const evals = async (): Promise<number> =>
      Number(/cmdstat_eval:calls=(\d+)/.exec(await client.info("commandstats"))?.[1] ?? 0);
    const asks = Array.from({ length: 450 }, (_, n) => ({
      workspace: `w${n}`,
      rate: { perSecond: 1_000, burst: 1_000 },
      wanted: n % 7,
      returned: 0,
    }));
    const before = await evals();
    const taken = await buckets.take(asks);
    expect(taken.map(({ tokens }) => tokens)).toEqual(asks.map(({ wanted }) => wanted));
    // Other tests use the server too, but not hundreds of times in a moment.
    expect((await evals()) - before).toBeLessThan(100);
    await client.del(...(await client.keys(`${prefix}:bucket:*`)));
    client.disconnect();
    await buckets.close();
  });

  test("a Redis that cannot be reached is an error, soon", async () => {
    const redis = "redis://127.0.0.1:1";
    const buckets = createRedisBuckets({ redis, prefix: "p", onError: () => undefined });
    const rate = { perSecond: 1, burst: 1 };
    await expect(buckets.take([{ workspace: "a", rate, wanted: 1, returned: 0 }])).rejects.toMatchObject({
      code: "redis_unreachable",
    });
    await buckets.close();
  });
});
