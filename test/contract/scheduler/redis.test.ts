import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createBullmqScheduler } from "../../../src/bullmq/scheduler.ts";
import { silentLogger } from "../../../src/engine/silent-logger.ts";
import { schedulerContract, type SchedulerFixture } from "../../../src/testing/scheduler-contract.ts";
import { describeRedis, startRedis, type TestServer } from "../../support/servers.ts";

/** A server of its own, because these tests stop it. */
describeRedis("BullMQ on Redis", () => {
  let server: TestServer;
  let prefixes = 0;

  beforeAll(async () => void (server = await startRedis()));
  afterAll(() => server.stop());

  const fixture = async (): Promise<SchedulerFixture> => {
    const prefix = `contract${++prefixes}`;
    return {
      create: () =>
        createBullmqScheduler({ redis: server.url }, { prefix, lanes: ["default"], logger: silentLogger }),
      wipe: () => flush(server.url),
      outages: [
        { name: "killed", begin: () => server.kill(), end: () => server.restart() },
        { name: "frozen", begin: async () => server.pause(), end: async () => server.resume() },
      ],
      dispose: () => flush(server.url),
    };
  };
  schedulerContract("BullMQ on Redis", fixture, { describe, expect, test });
});

async function flush(url: string): Promise<void> {
  const client = new Redis(url);
  await client.flushall();
  client.disconnect();
}
