/** `engine.health()` of real engines, on servers that stand still. */
import { expect, test } from "vitest";
import { createEngine, type EngineOptions } from "../../../src/index.ts";
import { describeRedis, startPostgres, startRedis, testDatabase } from "../../support/servers.ts";
import { onEachBackend, openBackend } from "./backends.ts";

onEachBackend("health", (name) => {
  test("an engine is ready from start to stop, and says what its worker does", async () => {
    await using backend = await openBackend(name);
    const engine = backend.engine({ worker: { lease: "5s" } });
    const before = await engine.health();
    expect(before).toMatchObject({ live: true, ready: false, worker: null });
    expect(before.postgres.error?.code).toBe("engine_not_started");
    await engine.start();
    const running = await engine.health();
    expect(running).toMatchObject({ live: true, ready: true, postgres: { ok: true }, queue: { ok: true } });
    expect(running.worker).toMatchObject({ id: engine.workerId, leaseMs: 5_000 });
    await engine.stop();
    expect(await engine.health()).toMatchObject({ live: true, ready: false });

    const client = backend.engine();
    await client.start({ work: false, maintain: false });
    expect(await client.health()).toMatchObject({ live: true, ready: true, worker: null });
  });
});

async function engineOn(options: EngineOptions) {
  const engine = createEngine(options);
  await engine.start({ work: false, maintain: false });
  return engine;
}

test("PostgreSQL stands still: not ready within the limit, and no reason for a restart", async () => {
  await using server = await startPostgres();
  await using database = await testDatabase(server.url);
  await using engine = await engineOn({ postgres: database.url });
  server.pause();
  const paused = await engine.health();
  server.resume();
  expect(paused).toMatchObject({ live: true, ready: false, postgres: { ok: false } });
  expect(await engine.health()).toMatchObject({ live: true, ready: true });
});

describeRedis("Redis", () => {
  test("stands still: the queue does not answer, PostgreSQL does", async () => {
    await using server = await startRedis();
    await using database = await testDatabase();
    await using engine = await engineOn({ postgres: database.url, redis: server.url });
    server.pause();
    const paused = await engine.health();
    server.resume();
    expect(paused).toMatchObject({ ready: false, postgres: { ok: true }, queue: { ok: false } });
  });
});
