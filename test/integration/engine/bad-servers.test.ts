/** Servers that are not there, too old, unsafe or too new: each a clear error, nothing left open, and a second start works. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { pathToFileURL } from "node:url";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { createEngine, type EngineOptions, FlowForgeError } from "../../../src/index.ts";
import { rewritingProxy } from "../../support/rewriting-proxy.ts";
import { databaseUrl, describeRedis, redisUrl, startRedis, testDatabase } from "../../support/servers.ts";

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function refusal(options: EngineOptions): Promise<FlowForgeError> {
  const engine = createEngine(options);
  const error: unknown = await engine.start().then(
    () => engine.stop().then(() => new Error("it started")),
    (caught: unknown) => caught,
  );
  if (FlowForgeError.is(error)) return error;
  throw error;
}

describe("PostgreSQL", () => {
  test("nobody listens", async () => {
    const port = await closedPort();
    const error = await refusal({ postgres: `postgres://ada:geheim@127.0.0.1:${port}/shop` });
    expect(error).toMatchObject({ code: "postgres_unreachable" });
    expect(error.message).toContain(`127.0.0.1:${port}/shop`);
    expect(error.message).not.toContain("geheim");
    expect(error.next).toBeTruthy();
  });

  test("a wrong password, or a database that does not exist", async () => {
    const address = new URL(databaseUrl());
    address.pathname = "/no_such_database";
    const error = await refusal({ postgres: address.href });
    expect(error).toMatchObject({ code: "postgres_unreachable" });
    expect(error.message).toContain("no_such_database");
  });

  test("too old", async () => {
    await using database = await testDatabase();
    await using proxy = await rewritingProxy(database.url, (text) => text.replace(/1[5-9]00\d\d/g, "140012"));
    const error = await refusal({ postgres: proxy.url });
    expect(error).toMatchObject({ code: "postgres_too_old", received: "version 14" });
    expect(await database.query("select 1 from pg_namespace where nspname = 'flowforge'")).toEqual([]);
  });

  test("a schema that is newer than the code is left as it is", async () => {
    await using database = await testDatabase();
    const engine = createEngine({ postgres: database.url });
    await engine.migrate();
    await database.query("insert into flowforge.migrations (version, name) values (999, 'later')");
    const error = await refusal({ postgres: database.url });
    expect(error).toMatchObject({
      code: "schema_too_new",
      subject: 'schema "flowforge"',
      received: "version 999",
    });
    expect(await database.query("select 1 from flowforge.workers")).toEqual([]);
  });

  test("no schema, and migration left out", async () => {
    await using database = await testDatabase();
    const engine = createEngine({ postgres: database.url });
    await expect(engine.start({ migrate: false })).rejects.toMatchObject({ code: "schema_outdated" });
    expect(await database.query("select 1 from pg_namespace where nspname = 'flowforge'")).toEqual([]);
    // The same engine can be started once the cause is gone.
    await engine.start();
    await engine.stop();
  });

  test("a failed start closes its connections", async () => {
    await using database = await testDatabase();
    const port = await closedPort();
    const error = await refusal({ postgres: database.url, redis: `redis://127.0.0.1:${port}` });
    expect(error).toMatchObject({ code: "redis_unreachable" });
    const open = `select 1 from pg_stat_activity where datname = '${database.name}' and application_name like 'flowforge%'`;
    await expect.poll(() => database.query(open), { timeout: 5_000 }).toEqual([]);
  });

  test("a start that fails when the engine begins to work leaves nothing behind that keeps the process", async () => {
    await using database = await testDatabase();
    await createEngine({ postgres: database.url }).migrate();
    await database.query("alter table flowforge.workers add constraint nobody check (false)");
    const index = pathToFileURL(path.resolve(import.meta.dirname, "../../../src/index.ts")).href;
    const code = `
      const { createEngine } = await import(${JSON.stringify(index)});
      await createEngine({ postgres: ${JSON.stringify(database.url)} }).start().catch((error) => console.log(error.code));`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], {
      timeout: 30_000,
    });
    expect(stdout).toBe("23514\n");
  });
});

describeRedis("Redis", () => {
  test("nobody listens", async () => {
    await using database = await testDatabase();
    const port = await closedPort();
    const error = await refusal({ postgres: database.url, redis: `redis://:geheim@127.0.0.1:${port}` });
    expect(error.code).toBe("redis_unreachable");
    expect(error.message).toContain(`127.0.0.1:${port}`);
    expect(error.message).not.toContain("geheim");
  });

  test("too old", async () => {
    await using database = await testDatabase();
    await using proxy = await rewritingProxy(redisUrl()!, (text) =>
      text.replace(
        /((?:redis|valkey)_version:)[\d.]+/g,
        (found, name: string) => name + "5.0.7".padEnd(found.length - name.length, "0"),
      ),
    );
    const error = await refusal({ postgres: database.url, redis: proxy.url });
    expect(error.code).toBe("redis_too_old");
    expect(error.received).toMatch(/^5\.0\.7/);
  });

  test("one that may evict tasks is refused, unless the host says that it may", async () => {
    await using database = await testDatabase();
    await using server = await startRedis({
      settings: { maxmemory: "64mb", "maxmemory-policy": "allkeys-lru" },
    });
    const error = await refusal({ postgres: database.url, redis: server.url });
    expect(error).toMatchObject({ code: "redis_policy_unsafe", received: '"allkeys-lru"' });
    await using engine = createEngine({ postgres: database.url, redis: server.url, allowEviction: true });
    await engine.start();
  });
});
