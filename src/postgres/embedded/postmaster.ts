/** A server process: who it is, when it is ready, how it ends. Works for our own child and for one that a crash left. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile, readlink, realpath } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const POLL_MS: number = 15;

/** What `postmaster.pid` says. */
export interface PidFile {
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
}

export function pidFileOf(folder: string): string {
  return path.join(folder, "postmaster.pid");
}

export async function readPidFile(folder: string): Promise<PidFile | undefined> {
  const text = await readFile(pidFileOf(folder), "utf8").catch(() => "");
  // Lines: pid, data folder, start time, port, socket folder, address, shared memory key, status.
  const lines = text.split("\n");
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number(lines[3] ?? 0), ready: lines[7]?.trim() === "ready" };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Dead, and not yet collected: in a container the first process may never collect the orphans that it is given. */
function isZombie(pid: number): boolean {
  if (process.platform !== "linux") return false;
  try {
    // The state follows the name, which stands in parentheses and may itself contain some.
    return /\) Z [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    // Gone meanwhile, or there is no /proc.
    return false;
  }
}

/**
 * Whether this live process is a server on this data folder, and not a stranger that has got the number since (the rule in
 * containers, where numbers are small and begin anew). A server's working folder is its data folder.
 */
export async function servesFolder(pid: number, folder: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const wanted = await realpath(folder).catch(() => folder);
  if (process.platform === "linux") {
    const actual = await readlink(`/proc/${pid}/cwd`).catch(() => "");
    return actual === wanted;
  }
  if (process.platform === "win32") return true;
  const { stdout } = await run("ps", ["-o", "command=", "-p", String(pid)]).catch(() => ({ stdout: "" }));
  return stdout.includes(wanted) || stdout.includes(folder);
}

/** Some server works on this data folder. */
export async function isServed(folder: string): Promise<boolean> {
  const found = await readPidFile(folder);
  return found !== undefined && servesFolder(found.pid, folder);
}

/** Waits for `condition`, looking every few milliseconds. `false`: the deadline came first. */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number,
): Promise<boolean> {
  const end = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() >= end) return false;
    await pause(POLL_MS);
  }
  return true;
}

/**
 * Ends a server: fast shutdown (open transactions are rolled back, data is flushed), after the deadline an immediate one (the
 * next start recovers from the log), at last SIGKILL. Resolves when the process is gone; `false`: it would not go.
 */
export async function stopServer(pid: number, deadlineMs: number, pgCtl?: string): Promise<boolean> {
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    if (!isAlive(pid)) return true;
    await send(pid, signal, pgCtl);
    if (await waitFor(() => !isAlive(pid), signal === "SIGINT" ? deadlineMs : 5_000)) return true;
  }
  return false;
}

async function send(
  pid: number,
  signal: "SIGINT" | "SIGQUIT" | "SIGKILL",
  pgCtl: string | undefined,
): Promise<void> {
  if (process.platform === "win32" && pgCtl !== undefined && signal !== "SIGKILL") {
    // Windows has no signals; the server listens on a pipe that pg_ctl knows.
    await run(pgCtl, ["kill", signal.slice(3), String(pid)]).catch(() => undefined);
    return;
  }
  try {
    process.kill(pid, signal);
  } catch {
    // Gone meanwhile, or not ours: the caller's wait tells.
  }
}
