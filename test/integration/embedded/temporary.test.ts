/** Without `dataDir`: a server in a temporary folder, and nothing of it afterwards. */
import { readdir } from "node:fs/promises";
import { expect, test, vi } from "vitest";
import { createEngine, defineWorkflow } from "../../../src/index.ts";
import { silentLogger } from "../../../src/engine/silent-logger.ts";
import { isAlive } from "../../../src/postgres/embedded/postmaster.ts";
import { startEmbeddedPostgres } from "../../../src/postgres/embedded/server.ts";
import { collectingLogger } from "../engine/backends.ts";
import { add, chain } from "../engine/documents.ts";
import { eventually, kill, PATIENCE_MS, places, serverOn, untilItRuns } from "./places.ts";

vi.setConfig({ testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS });

const here = places();

test("answers, and leaves nothing behind when it is stopped", async () => {
  const server = await startEmbeddedPostgres({ logger: silentLogger });
  expect(server.connectionString).toMatch(/^postgres:\/\/flowforge:[\w-]{20,}@127\.0\.0\.1:\d+\/postgres$/);
  const [folder] = await readdir(here.home);
  const pid = await serverOn(here.in(folder!));
  expect(pid).toBeGreaterThan(0);
  await Promise.all([server.stop(), server.stop()]);
  expect(isAlive(pid)).toBe(false);
  expect(await readdir(here.home)).toEqual([]);
});

test("an engine on it ends without a warning, though the server goes before the last connection is cold", async () => {
  const logger = collectingLogger();
  const engine = createEngine({ logger, actions: [add()] });
  await engine.start();
  const run = await engine.runs.start(defineWorkflow(chain(3)), { input: { n: 0 } });
  expect(await run.result({ timeout: "20s" })).toBe(3);
  await engine.stop();
  expect(logger.lines.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
  expect(await readdir(here.home)).toEqual([]);
});

test("two of them know nothing of each other", async () => {
  const servers = await Promise.all([1, 2].map(() => startEmbeddedPostgres({ logger: silentLogger })));
  expect(new Set(servers.map((server) => server.connectionString)).size).toBe(2);
  await Promise.all(servers.map((server) => server.stop()));
  expect(await readdir(here.home)).toEqual([]);
});

test("goes with its process, even by kill -9", async () => {
  const { child } = await untilItRuns(here.spawnOwner());
  const [folder] = await readdir(here.home);
  const pid = await serverOn(here.in(folder!));
  expect(pid).toBeGreaterThan(0);
  await kill(child);
  await eventually(() => isAlive(pid)).toBe(false);
  await eventually(() => readdir(here.home)).toEqual([]);
});

test("goes with its process, even while its data is being made", async () => {
  const child = here.spawnOwner();
  await eventually(async () => (await readdir(here.home, { recursive: true })).join("\n")).toMatch(
    /pg\.new-[0-9a-f]+$/m,
  );
  await kill(child);
  await eventually(() => readdir(here.home)).toEqual([]);
});
