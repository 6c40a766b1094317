/** The embedded server: found again, cleaned up after a crash, owned by one engine, and clear about what it cannot use. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createEngine, defineWorkflow, type Engine } from "../../../src/index.ts";
import { startEmbeddedPostgres } from "../../../src/postgres/embedded/server.ts";
import { isAlive, readPidFile } from "../../../src/postgres/embedded/postmaster.ts";
import { silentLogger } from "../../../src/engine/silent-logger.ts";
import { add, chain, count, Executions, fan } from "../engine/documents.ts";
import { SLEEPER } from "./sleeper.ts";

let home: string;
const owners: ChildProcess[] = [];

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "flowforge-embedded-"));
  // As root the server runs under another account.
  await chmod(home, 0o711);
});

afterEach(async () => {
  for (const owner of owners.splice(0)) owner.kill("SIGKILL");
  await rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
});

const inHome = (name: string): string => path.join(home, name);

/** A process with an engine of its own, once its run is durable. Its temporary folders are below `home`. */
async function owner(...args: string[]): Promise<{ readonly child: ChildProcess; readonly runId: string }> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, "owner.ts"), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, TMPDIR: home },
  });
  owners.push(child);
  const [line] = (await once(createInterface(child.stdout!), "line")) as [string];
  return { child, ...(JSON.parse(line) as { runId: string }) };
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

async function pidOn(folder: string): Promise<number> {
  return (await readPidFile(path.join(folder, "pg")))?.pid ?? 0;
}

describe("a temporary server", () => {
  test("answers, and leaves nothing behind when it is stopped", async () => {
    const before = new Set(await readdir(tmpdir()));
    const server = await startEmbeddedPostgres({ logger: silentLogger });
    expect(server.connectionString).toMatch(/^postgres:\/\/flowforge:[\w-]{20,}@127\.0\.0\.1:\d+\/postgres$/);
    const made = (await readdir(tmpdir())).find(
      (name) => name.startsWith("flowforge-pg-") && !before.has(name),
    );
    const pid = await pidOn(path.join(tmpdir(), made!));
    expect(isAlive(pid)).toBe(true);
    await Promise.all([server.stop(), server.stop()]);
    expect(isAlive(pid)).toBe(false);
    expect(await readdir(tmpdir())).not.toContain(made);
  });

  test("goes with its process, even by kill -9", async () => {
    const { child } = await owner();
    const [folder] = (await readdir(home)).filter((name) => name.startsWith("flowforge-pg-"));
    const pid = await pidOn(inHome(folder!));
    expect(isAlive(pid)).toBe(true);
    await kill(child);
    await expect.poll(() => isAlive(pid), { timeout: 15_000 }).toBe(false);
    await expect.poll(() => readdir(home), { timeout: 15_000 }).toEqual([]);
  });
});

describe("a data directory", () => {
  const engineOn = (dataDir: string): Engine =>
    createEngine({ dataDir, workflows: [defineWorkflow(SLEEPER)], actions: [add()] });

  test("keeps runs from one engine to the next; the password is nobody else's to read", async () => {
    const dataDir = inHome("data");
    const first = engineOn(dataDir);
    await first.start();
    const run = await first.runs.start(defineWorkflow(chain(3)), { input: { n: 1 } });
    expect(await run.result({ timeout: "20s" })).toBe(4);
    await first.stop();
    expect(await pidOn(dataDir)).toBe(0);
    expect((await stat(path.join(dataDir, "password"))).mode & 0o077).toBe(0);
    expect((await stat(path.join(dataDir, "pg"))).mode & 0o077).toBe(0);

    await using second = engineOn(dataDir);
    await second.start();
    expect(await second.runs.handle(run.id).result({ timeout: "5s" })).toBe(4);
  });

  test("after kill -9 the next engine on it finishes what the first began", async () => {
    const dataDir = inHome("data");
    const { child, runId } = await owner(dataDir);
    await kill(child);
    await using engine = engineOn(dataDir);
    await engine.start();
    expect(await engine.runs.handle(runId).result({ timeout: "30s" })).toBe("awake");
  });

  test("belongs to one engine: a second one, here or in another process, is told", async () => {
    const dataDir = inHome("data");
    await owner(dataDir);
    const refused = { code: "data_dir_in_use", subject: `data directory ${dataDir}` };
    await expect(engineOn(dataDir).start()).rejects.toMatchObject(refused);
    const here = inHome("here");
    await using engine = engineOn(here);
    await engine.start();
    await expect(engineOn(here).start()).rejects.toMatchObject({ code: "data_dir_in_use" });
    // The refusal did the first one no harm.
    const run = await engine.runs.start(defineWorkflow(chain(1)), { input: { n: 1 } });
    expect(await run.result({ timeout: "20s" })).toBe(2);
  });

  test("two engines that start on a new one at once: one gets it", async () => {
    const dataDir = inHome("data");
    const engines = [engineOn(dataDir), engineOn(dataDir)];
    const starts = await Promise.allSettled(engines.map((engine) => engine.start()));
    await Promise.all(engines.map((engine) => engine.stop()));
    expect(starts.map((start) => start.status).sort()).toEqual(["fulfilled", "rejected"]);
    const lost = starts.find((start) => start.status === "rejected");
    expect(["data_dir_in_use", "embedded_postgres_failed"]).toContain(
      (lost!.reason as { code: string }).code,
    );
  });
});

describe("a data directory that cannot be used", () => {
  const start = (dataDir: string) => startEmbeddedPostgres({ dataDir, logger: silentLogger });
  const refusal = (dataDir: string) => ({ code: "data_dir_unusable", subject: `data directory ${dataDir}` });

  test("a file", async () => {
    await writeFile(inHome("file"), "");
    await expect(start(inHome("file"))).rejects.toMatchObject(refusal(inHome("file")));
  });

  test("a folder with other things in it, which stay as they are", async () => {
    await mkdir(inHome("photos"));
    await writeFile(inHome("photos/cat.jpg"), "meow");
    await expect(start(inHome("photos"))).rejects.toMatchObject({
      ...refusal(inHome("photos")),
      received: "a folder with cat.jpg",
    });
    expect(await readdir(inHome("photos"))).toEqual(["cat.jpg"]);
  });

  test("data without its password", async () => {
    const server = await start(inHome("data"));
    await server.stop();
    await rm(inHome("data/password"));
    await expect(start(inHome("data"))).rejects.toMatchObject(refusal(inHome("data")));
  });

  test("data of a version that is not to be had", async () => {
    const server = await start(inHome("data"));
    await server.stop();
    await writeFile(inHome("data/pg/PG_VERSION"), "9\n");
    await expect(start(inHome("data"))).rejects.toMatchObject({ code: "embedded_postgres_missing" });
  });

  test.runIf(process.getuid?.() === 0)("one that the server's account may not enter", async () => {
    await mkdir(inHome("closed"), { mode: 0o700 });
    const dataDir = inHome("closed/data");
    await expect(start(dataDir)).rejects.toMatchObject(refusal(dataDir));
  });
});

describe("the engine on the embedded server", () => {
  test.each([true, false])("chains, fan-outs and many runs; inline: %s", async (inline) => {
    const executions = new Executions();
    await using engine = createEngine({ worker: { inline }, actions: [add(executions), count(executions)] });
    await engine.start();
    const chained = await engine.runs.startMany(
      defineWorkflow(chain(5)),
      Array.from({ length: 20 }, (_, n) => ({ input: { n } })),
    );
    const fanned = await engine.runs.start(defineWorkflow(fan(20)), { input: { n: 0 } });
    const results = await Promise.all(chained.map((run) => run.result({ timeout: "30s" })));
    expect(results).toEqual(Array.from({ length: 20 }, (_, n) => n + 5));
    expect(await fanned.result({ timeout: "30s" })).toBe("joined");
    expect(executions.total).toBe(20 * 5 + 22);
    expect(executions.repeated).toEqual([]);
  });
});
