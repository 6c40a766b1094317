import { DatabaseError } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Task } from "../../../src/core/ports/scheduler.ts";
import { createBullmqScheduler } from "../../../src/bullmq/scheduler.ts";
import { silentLogger } from "../../../src/engine/silent-logger.ts";
import { SteadyClient } from "../../../src/postgres-connection/steady-client.ts";
import { someTask } from "../../../src/testing/scheduler-contract/fixture.ts";
import { schedulerContract, type SchedulerFixture } from "../../../src/testing/scheduler-contract.ts";
import { startPostgres, type TestServer } from "../../support/servers.ts";

const deadlockDetected = "40P01";

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

test("a queue whose schema is gone says so, and is made again by the next look at its age", async () => {
  const { create, dispose } = await fixture();
  const scheduler = create();
  await scheduler.open();
  expect(await scheduler.checkEpoch()).toBe(false);
  const taken: string[] = [];
  const handle = async (task: Task): Promise<void> => void taken.push(task.node);
  await scheduler.consume({ lane: "default", concurrency: 1, handle });
  await dispose();
  const task = someTask();
  await expect(scheduler.dispatch([task])).rejects.toMatchObject({ code: "schema_outdated" });
  await expect(scheduler.depth("default")).rejects.toMatchObject({ code: "schema_outdated" });
  expect(await scheduler.checkEpoch()).toBe(false);
  expect(await scheduler.checkEpoch()).toBe(true);
  await scheduler.dispatch([task]);
  await expect.poll(() => taken, { timeout: 10_000 }).toEqual([task.node]);
  await scheduler.close();
  await dispose();
}, 30_000);

test("the queue's tables outlive a server that is killed right after they were made", async () => {
  // With this delay nothing that may be lost is written in time by chance.
  await using fresh = await startPostgres({ settings: { wal_writer_delay: "10s" } });
  const options = { prefix: "fresh", lanes: ["default"], logger: silentLogger };
  const scheduler = createBullmqScheduler({ postgres: fresh.url }, options);
  await scheduler.open();
  await fresh.kill();
  await fresh.restart();
  const sent = async (): Promise<unknown> => scheduler.dispatch([someTask()]).catch((error: Error) => error);
  await expect.poll(sent, { timeout: 20_000 }).toBeUndefined();
  await scheduler.close();
}, 60_000);

/**
 * Again when PostgreSQL breaks a deadlock by refusing this one: a statement that locks several of the queue's
 * tables may meet a consumer that locks them in another order.
 */
async function execute(statement: string): Promise<void> {
  const client = new SteadyClient(server.url);
  await client.connect();
  const run = (): Promise<unknown> => client.query(statement).catch((error: unknown) => error);
  let outcome = await run();
  while (outcome instanceof DatabaseError && outcome.code === deadlockDetected) outcome = await run();
  await client.end();
  if (outcome instanceof Error) throw outcome;
}
