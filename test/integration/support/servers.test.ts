import { describe, expect, it } from "vitest";
import {
  describeRedis,
  postgresVersions,
  startPostgres,
  testDatabase,
  testRedis,
} from "../../support/servers.ts";

describe("test databases", () => {
  it("are empty, apart from each other, and gone afterwards", async () => {
    const first = await testDatabase();
    const second = await testDatabase();
    await first.query("create table t (n int)");
    expect(await second.query("select to_regclass('t') as t")).toEqual([{ t: null }]);
    await first.drop();
    const left = await second.query("select 1 from pg_database where datname = $1", [first.name]);
    expect(left).toEqual([]);
    await second.drop();
  });
});

for (const version of await postgresVersions()) {
  describe(version.label, () => {
    it("serves its own databases", async () => {
      await using db = await version.database();
      const [row] = await db.query<{ v: string }>("select current_setting('server_version_num') as v");
      expect(Math.floor(Number(row?.v) / 10_000)).toBe(version.major);
    });
  });
}

describe("a private PostgreSQL", () => {
  it("pauses, resumes, dies and comes back on the same address with its data", async () => {
    await using server = await startPostgres({ fsync: true });
    await using db = await testDatabase(server.url);
    await db.query("create table t (n int)");
    await db.query("insert into t values (1)");
    server.pause();
    const answer = db.query("select n from t").then(() => "answered");
    expect(await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 300, "silent"))])).toBe(
      "silent",
    );
    server.resume();
    expect(await answer).toBe("answered");
    const before = server.pid;
    await server.kill();
    await expect(db.query("select 1")).rejects.toThrow();
    await server.restart();
    expect(server.pid).not.toBe(before);
    expect(await db.query("select n from t")).toEqual([{ n: 1 }]);
  });
});

describeRedis("test Redis", () => {
  it("has prefixes of its own and cleans them", async () => {
    const redis = await testRedis();
    const other = await testRedis();
    await redis.client().set(`${redis.prefix}:a`, "1");
    await other.client().set(`${other.prefix}:a`, "1");
    await redis.clean();
    expect(await other.client().keys("fft-*")).toContain(`${other.prefix}:a`);
    expect(await other.client().keys(`${redis.prefix}*`)).toEqual([]);
    await other.clean();
  });
});
