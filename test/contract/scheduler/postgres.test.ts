import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createBullmqScheduler } from "../../../src/bullmq/scheduler.ts";
import { silentLogger } from "../../../src/engine/silent-logger.ts";
import { schedulerContract, type SchedulerFixture } from "../../../src/testing/scheduler-contract.ts";
import { startPostgres, type TestServer } from "../../support/servers.ts";

/** A server of its own, because these tests stop it. */
let server: TestServer;
let prefixes = 0;

beforeAll(async () => void (server = await startPostgres()), 60_000);
afterAll(() => server.stop());

const fixture = async (): Promise<SchedulerFixture> => {
  const prefix = `contract${++prefixes}`;
  return {
    create: () =>
      createBullmqScheduler({ postgres: server.url }, { prefix, lanes: ["default"], logger: silentLogger }),
    wipe: () =>
      execute(`truncate ${prefix}_queue.job, ${prefix}_queue.meta, ${prefix}_queue.flowforge_epoch cascade`),
    outages: [
      { name: "killed", begin: () => server.kill(), end: () => server.restart() },
      { name: "frozen", begin: async () => server.pause(), end: async () => server.resume() },
    ],
    dispose: () => execute(`drop schema if exists ${prefix}_queue cascade`),
  };
};

schedulerContract("BullMQ on PostgreSQL", fixture, { describe, expect, test });

async function execute(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(statement);
  await client.end();
}
