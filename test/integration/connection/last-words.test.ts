/** No error of a connection ends the process, not even one that comes before anybody can listen. */
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { QueueConnection } from "../../../src/bullmq/queue-connection.ts";
import { createBullmqScheduler } from "../../../src/bullmq/scheduler.ts";
import { silentLogger } from "../../../src/engine/silent-logger.ts";
import { SteadyClient } from "../../../src/postgres-connection/steady-client.ts";
import { createPostgresNotifier } from "../../../src/postgres/postgres-notifier.ts";
import { createPostgresStore } from "../../../src/postgres/store.ts";
import { dyingServer } from "../../support/last-words.ts";

/** What would have ended the process. Vitest hears it too, and fails the run. */
const fatal: unknown[] = [];
const record = (error: unknown): void => void fatal.push(error);

beforeEach(() => void process.on("uncaughtExceptionMonitor", record));
afterEach(() => {
  process.off("uncaughtExceptionMonitor", record);
  expect(fatal.splice(0)).toEqual([]);
});

test("a client that nobody listens to keeps its error, tells it once, and is of no more use", async () => {
  await using server = await dyingServer();
  const client = new SteadyClient(server.url);
  await client.connect();
  const heard: unknown[] = [];
  client.on("error", (error) => void heard.push(error));
  client.repeatUnheard();
  client.repeatUnheard();
  expect(heard[0]).toMatchObject({ code: "57P01" });
  expect(heard.filter((error) => error === heard[0])).toHaveLength(1);
  await expect(client.query("select 1")).rejects.toThrow();
  await client.end();
});

test("the queue's listener is made anew when it died before BullMQ listened to it", async () => {
  await using server = await dyingServer();
  const settings = { connectionString: server.url };
  const connection = new QueueConnection({ settings, schema: "queue", max: 2, answerMs: 2_000 });
  const errors: unknown[] = [];
  let invalidated = 0;
  connection.on("error", (error) => void errors.push(error));
  connection.on("listenerinvalidated", () => (invalidated += 1));
  for (const time of [1, 2]) {
    const client = await connection.getListenClient();
    await expect(client.query("listen jobs")).rejects.toThrow();
    expect([invalidated, server.taken]).toEqual([time, time]);
  }
  expect(errors[0]).toMatchObject({ code: "57P01" });
  await connection.close();
});

test.each(["own", "borrowed"])("the store, with its %s pool, is unreachable", async (kind) => {
  await using server = await dyingServer();
  const pool = new pg.Pool({ connectionString: server.url });
  pool.on("error", () => undefined);
  const store = createPostgresStore({ postgres: kind === "own" ? server.url : pool });
  for (let time = 0; time < 3; time += 1)
    await expect(store.now()).rejects.toThrow(/57P01|onnection|not queryable/);
  expect(server.taken).toBeGreaterThan(0);
  await store.close();
  await pool.end();
});

test("notifier and scheduler say that they cannot be opened", async () => {
  await using server = await dyingServer();
  const code = "postgres_unreachable";
  const notifier = createPostgresNotifier({ postgres: server.url, prefix: "p", logger: silentLogger });
  await expect(notifier.open()).rejects.toMatchObject({ code });
  const options = { prefix: "p", lanes: ["default"], logger: silentLogger };
  const scheduler = createBullmqScheduler({ postgres: server.url }, options);
  await expect(scheduler.open()).rejects.toMatchObject({ code });
  await scheduler.close();
});
