/** A Redis Cluster all of whose nodes are away: whoever listens does not ask for it without a pause, and hears again when it is back. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRedisNotifier } from "../../../src/redis/redis-notifier.ts";
import { type RedisCluster, startRedisCluster } from "../../support/redis-cluster.ts";
import { describeRedis } from "../../support/servers.ts";
import { collectingLogger } from "../engine/backends.ts";

/** Five attempts a second, of which each makes one connection at least. */
const MOST_TIMERS = 60;

describeRedis("a Redis Cluster that is away as a whole", () => {
  let cluster: RedisCluster;
  beforeAll(async () => void (cluster = await startRedisCluster({ replicas: 0 })));
  afterAll(() => cluster[Symbol.asyncDispose]());

  test("is asked for a few times a second, and its listeners hear again when it is back", async () => {
    const options = { redis: { nodes: cluster.nodes }, prefix: "away", logger: collectingLogger() };
    const [sender, listener] = [createRedisNotifier(options), createRedisNotifier(options)];
    try {
      await Promise.all([sender.open(), listener.open()]);
      let heard = "";
      listener.onWatch((runId) => void (heard = runId));
      const isHeard = async (runId: string): Promise<boolean> => {
        await sender.watch(runId).catch(() => undefined);
        return heard === runId;
      };
      await expect.poll(() => isHeard("before"), { timeout: 20_000 }).toBe(true);
      await Promise.all(cluster.members.map((member) => member.kill()));
      // Each attempt leaves a timer of two seconds behind.
      let most = 0;
      const timers = (): number => process.getActiveResourcesInfo().filter((one) => one === "Timeout").length;
      const until = performance.now() + 3_000;
      await expect
        .poll(() => ((most = Math.max(most, timers())), performance.now() > until), { timeout: 10_000 })
        .toBe(true);
      expect(most).toBeLessThan(MOST_TIMERS);
      await Promise.all(cluster.members.map((member) => member.restart()));
      await expect.poll(() => isHeard("after"), { timeout: 60_000 }).toBe(true);
    } finally {
      await Promise.all([sender.close(), listener.close()]);
    }
  });
});
