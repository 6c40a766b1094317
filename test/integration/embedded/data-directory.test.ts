/** With `dataDir`: runs are found again after every ending, and one engine owns the folder. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, stat, writeFile } from "node:fs/promises";
import pg from "pg";
import { describe, expect, test, vi } from "vitest";
import { defineWorkflow } from "../../../src/index.ts";
import { silentLogger } from "../../../src/engine/silent-logger.ts";
import { serverAccount } from "../../../src/postgres/embedded/account.ts";
import { give } from "../../../src/postgres/embedded/cluster.ts";
import { isAlive } from "../../../src/postgres/embedded/postmaster.ts";
import { startEmbeddedPostgres } from "../../../src/postgres/embedded/server.ts";
import { collectingLogger } from "../engine/backends.ts";
import { chain } from "../engine/documents.ts";
import {
  engineOn,
  eventually,
  kill,
  PATIENCE_MS,
  places,
  serverOn,
  untilItRuns,
  watchdogOf,
} from "./places.ts";

vi.setConfig({ testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS });

const here = places();

test("runs stay from one engine to the next; the password is nobody else's to read", async () => {
  const dataDir = here.in("deep/data");
  const first = engineOn(dataDir);
  await first.start();
  const run = await first.runs.start(defineWorkflow(chain(3)), { input: { n: 1 } });
  expect(await run.result({ timeout: "20s" })).toBe(4);
  const sleeper = await first.runs.start("sleeper");
  await first.stop();
  expect(await serverOn(dataDir)).toBe(0);
  for (const name of ["password", "pg", "server.log"]) {
    expect((await stat(`${dataDir}/${name}`)).mode & 0o077, name).toBe(0);
  }

  await using second = engineOn(dataDir);
  await second.start();
  expect(await second.runs.handle(run.id).result({ timeout: "5s" })).toBe(4);
  expect(await second.runs.handle(sleeper.id).result({ timeout: "30s" })).toBe("awake");
});

test("what is committed is on the disk", async () => {
  const server = await startEmbeddedPostgres({ dataDir: here.in("data"), logger: silentLogger });
  const client = new pg.Client({ connectionString: server.connectionString });
  await client.connect();
  const settings = await client.query(
    "select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit') order by name",
  );
  await client.end();
  await server.stop();
  expect(settings.rows.map((row: { setting: string }) => row.setting)).toEqual(["on", "on", "on"]);
});

describe("after kill -9", () => {
  test("the next engine finishes what the first began", async () => {
    const dataDir = here.in("data");
    const { child, runId } = await untilItRuns(here.spawnOwner(dataDir));
    await kill(child);
    await using engine = engineOn(dataDir);
    await engine.start();
    expect(await engine.runs.handle(runId).result({ timeout: "30s" })).toBe("awake");
  });

  test("of the watchdog too, the server that is left is ended in order", async () => {
    const dataDir = here.in("data");
    const { child, runId } = await untilItRuns(here.spawnOwner(dataDir));
    process.kill(await watchdogOf(child), "SIGKILL");
    await kill(child);
    const left = await serverOn(dataDir);
    expect(left).toBeGreaterThan(0);
    const logger = collectingLogger();
    await using engine = engineOn(dataDir, logger);
    await engine.start();
    expect(isAlive(left)).toBe(false);
    expect(logger.lines.filter((line) => line.level === "warn")).toMatchObject([
      { message: "an embedded server of an earlier run is ended", fields: { dataDir, pid: left } },
    ]);
    expect(await engine.runs.handle(runId).result({ timeout: "30s" })).toBe("awake");
  });

  test("while the data is being made, the next engine begins again and clears away", async () => {
    const dataDir = here.in("data");
    const child = here.spawnOwner(dataDir);
    await eventually(async () => (await readdir(dataDir).catch(() => [])).join("\n")).toMatch(
      /pg\.new-[0-9a-f]+$/m,
    );
    await kill(child);
    const server = await startEmbeddedPostgres({ dataDir, logger: silentLogger });
    await server.stop();
    expect((await readdir(dataDir)).sort()).toEqual(["password", "pg", "server.log"]);
  });

  test("the number of the server may be a stranger's by now", async () => {
    const dataDir = here.in("data");
    const first = await startEmbeddedPostgres({ dataDir, logger: silentLogger });
    await first.stop();
    const account = await serverAccount();
    const stranger = spawn("sleep", ["600"], { ...account, stdio: "ignore" });
    const gone = once(stranger, "exit");
    await once(stranger, "spawn");
    const file = `${dataDir}/pg/postmaster.pid`;
    await writeFile(file, `${stranger.pid}\n${dataDir}/pg\n1\n5432\n\n127.0.0.1\n\nready\n`);
    await give(file, account);
    const second = await startEmbeddedPostgres({ dataDir, logger: silentLogger });
    await second.stop();
    expect(isAlive(stranger.pid!)).toBe(true);
    stranger.kill();
    await gone;
  });
});

describe("one engine owns it", () => {
  test("a second one, here or in another process, is told", async () => {
    const dataDir = here.in("data");
    await untilItRuns(here.spawnOwner(dataDir));
    const refused = { code: "data_dir_in_use", subject: `data directory ${dataDir}` };
    await expect(engineOn(dataDir).start()).rejects.toMatchObject(refused);
    const own = here.in("own");
    await using engine = engineOn(own);
    await engine.start();
    await expect(engineOn(own).start()).rejects.toMatchObject({ code: "data_dir_in_use" });
    // The refusal did the first one no harm.
    const run = await engine.runs.start(defineWorkflow(chain(1)), { input: { n: 1 } });
    expect(await run.result({ timeout: "20s" })).toBe(2);
  });

  test("of two that start at once on a new folder, one gets it", async () => {
    const dataDir = here.in("data");
    const engines = [engineOn(dataDir), engineOn(dataDir)];
    const starts = await Promise.allSettled(engines.map((engine) => engine.start()));
    expect(starts.map((start) => start.status).sort()).toEqual(["fulfilled", "rejected"]);
    const lost = starts.find((start) => start.status === "rejected");
    expect(["data_dir_in_use", "embedded_postgres_failed"]).toContain(
      (lost!.reason as { code: string }).code,
    );
    const winner = engines[starts.findIndex((start) => start.status === "fulfilled")]!;
    const run = await winner.runs.start(defineWorkflow(chain(1)), { input: { n: 1 } });
    expect(await run.result({ timeout: "20s" })).toBe(2);
    await Promise.all(engines.map((engine) => engine.stop()));
  });

  test("a former owner whose server died ends nothing of the next one's when it dies", async () => {
    const dataDir = here.in("data");
    const { child } = await untilItRuns(here.spawnOwner(dataDir));
    const watchdog = await watchdogOf(child);
    process.kill(await serverOn(dataDir), "SIGKILL");
    await using engine = engineOn(dataDir);
    await engine.start();
    await kill(child);
    await eventually(() => isAlive(watchdog)).toBe(false);
    const run = await engine.runs.start(defineWorkflow(chain(1)), { input: { n: 1 } });
    expect(await run.result({ timeout: "20s" })).toBe(2);
  });
});
