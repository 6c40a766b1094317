/** Folders for the tests of the embedded server, and processes that own one. All of it is gone after each test. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { createEngine, defineWorkflow, type Engine, type Logger } from "../../../src/index.ts";
import { isAlive, pidFileOf } from "../../../src/postgres/embedded/postmaster.ts";
import { tree } from "../../support/process-tree.ts";
import { add } from "../engine/documents.ts";
import { SLEEPER } from "./sleeper.ts";

/** Making a cluster takes two seconds on a quiet machine, and many on a busy one. */
export const PATIENCE_MS = 60_000;

/** Waits for what another process does. */
export const eventually: typeof expect.poll = (look, options) =>
  expect.poll(look, { timeout: 30_000, interval: 20, ...options });

export interface Places {
  /** The folder of this test: what is temporary is made in it, by child processes too. */
  readonly home: string;
  in(name: string): string;
  /** A process with an engine of its own; not waited for. */
  spawnOwner(...args: string[]): ChildProcess;
}

export function places(): Places {
  let home = "";
  const owners: ChildProcess[] = [];
  beforeEach(async () => {
    home = await mkdtemp(path.join(tmpdir(), "flowforge-embedded-"));
    // As root the server runs under another account.
    await chmod(home, 0o711);
    vi.stubEnv("TMPDIR", home);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const owner of owners.splice(0)) owner.kill("SIGKILL");
    await rm(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  });
  return {
    get home() {
      return home;
    },
    in: (name) => path.join(home, name),
    spawnOwner(...args) {
      const owner = spawn(process.execPath, [path.join(import.meta.dirname, "owner.ts"), ...args], {
        stdio: "pipe",
      });
      owners.push(owner);
      return owner;
    },
  };
}

export interface Owner {
  readonly child: ChildProcess;
  /** A run that waits for three seconds. */
  readonly runId: string;
}

/** Resolves when the run of the process is durable. Rejects with its last words when it ends before. */
export async function untilItRuns(child: ChildProcess): Promise<Owner> {
  let words = "";
  child.stderr!.on("data", (chunk) => (words += String(chunk)));
  const ended = once(child, "exit").then((): never => {
    throw new Error(`the owner ended before its run began: ${words}`);
  });
  const [line] = await Promise.race([once(createInterface(child.stdout!), "line"), ended]);
  ended.catch(() => undefined);
  return { child, ...(JSON.parse(line as string) as { runId: string }) };
}

/** kill -9. */
export async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

/** The server on the data below a folder; 0: none. */
export async function serverOn(folder: string): Promise<number> {
  const [first] = (await readFile(pidFileOf(path.join(folder, "pg")), "utf8").catch(() => "")).split("\n");
  const pid = Number(first);
  return isAlive(pid || -1) ? pid : 0;
}

/** The shell that ends the server after its owner. */
export async function watchdogOf(child: ChildProcess): Promise<number> {
  for (const pid of tree(child.pid!)) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes("flowforge-watchdog")) return pid;
  }
  throw new Error(`process ${child.pid} has no watchdog`);
}

export function engineOn(dataDir: string, logger?: Logger): Engine {
  const workflows = [defineWorkflow(SLEEPER)];
  return createEngine({ dataDir, workflows, actions: [add()], ...(logger ? { logger } : {}) });
}
