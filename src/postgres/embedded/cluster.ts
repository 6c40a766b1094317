/** A data folder and the server on it: making the one, starting the other. Knows nothing of locks, passwords' places or engines. */
import { spawn, execFile } from "node:child_process";
import { chmod, chown, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { FlowForgeError } from "../../core/errors.ts";
import type { Account } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { rootFolder, serverEnvironment } from "./binaries.ts";
import { isAlive, readPidFile, stopServer, waitFor } from "./postmaster.ts";

const run = promisify(execFile);
const LOG_LIMIT_BYTES: number = 1024 * 1024;
const PORT_TRIES: number = 5;

export const USER: string = "flowforge";
export const DATABASE: string = "postgres";

export interface ClusterOptions {
  readonly binaries: Binaries;
  readonly account: Account;
  readonly folder: string;
  readonly fsync: boolean;
}

/**
 * Makes a data folder with one superuser and scram passwords. It appears under its name when it is complete, so a crash
 * leaves no half cluster behind.
 */
export async function createCluster(options: ClusterOptions, password: string): Promise<void> {
  const { binaries, account, folder } = options;
  const draft = `${folder}.new-${randomBytes(6).toString("hex")}`;
  const secret = `${draft}.password`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true, mode: 0o700 });
  await writeFile(secret, `${password}\n`, { mode: 0o600 });
  await give(draft, account);
  await give(secret, account);
  const args = ["-D", draft, "-U", USER, "--auth=scram-sha-256", `--pwfile=${secret}`, "--encoding=UTF8"];
  const speed = options.fsync ? [] : ["--no-sync"];
  try {
    await run(binaries.initdb, [...args, "--locale=C", "--no-instructions", ...speed], {
      ...account,
      cwd: rootFolder(),
      env: serverEnvironment(binaries.libraryPath),
      maxBuffer: 4 * 1024 * 1024,
    });
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw failed("initdb failed", outputOf(error), error);
  } finally {
    await rm(secret, { force: true });
  }
}

/** The major version that made a data folder; `undefined`: there is none yet. */
export async function clusterVersion(folder: string): Promise<number | undefined> {
  const text = await readFile(path.join(folder, "PG_VERSION"), "utf8").catch(() => "");
  const major = Number.parseInt(text, 10);
  return Number.isInteger(major) ? major : undefined;
}

export interface StartOptions extends ClusterOptions {
  readonly logFile: string;
  /** None: a free one. */
  readonly port?: number;
  readonly deadlineMs: number;
  /** More settings, as `postgres -c name=value` takes them. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Called as soon as there is a process, long before it takes connections. */
  readonly onSpawn?: (pid: number) => void;
}

export interface RunningServer {
  readonly pid: number;
  readonly port: number;
}

/** Starts a server on 127.0.0.1 and waits until it takes connections. Its process outlives ours unless it is stopped. */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const outcome = await tryStart(options, port);
    if ("pid" in outcome) return outcome;
    // Somebody took the port between our look and the server's.
    const taken = outcome.log.includes("Address already in use") && options.port === undefined;
    if (!taken || attempt === PORT_TRIES) throw failed(outcome.reason, outcome.log);
  }
}

async function tryStart(
  options: StartOptions,
  port: number,
): Promise<RunningServer | { readonly reason: string; readonly log: string }> {
  const { size, pid, ended } = await launch(options, port);
  const logSince = async (): Promise<string> => tail(options.logFile, size);
  if (pid === undefined) return { reason: `the server did not start: ${await ended}`, log: await logSince() };
  let exit: string | undefined;
  void ended.then((reason) => (exit = reason));
  const ready = await waitFor(async () => {
    if (exit !== undefined) return true;
    const file = await readPidFile(options.folder);
    return file?.pid === pid && file.ready;
  }, options.deadlineMs);
  if (ready && exit === undefined) return { pid, port };
  if (exit === undefined && isAlive(pid)) await stopServer(pid, 5_000);
  const reason = exit ?? `the server was not ready within ${options.deadlineMs} ms`;
  return { reason: `the server did not start: ${reason}`, log: await logSince() };
}

interface Launched {
  readonly size: number;
  readonly pid: number | undefined;
  readonly ended: Promise<string>;
}

async function launch(options: StartOptions, port: number): Promise<Launched> {
  const { binaries, account, folder } = options;
  const log = await openLog(options.logFile);
  try {
    const { size } = await log.stat();
    const child = spawn(binaries.postgres, ["-D", folder, ...settingsOf(options, port)], {
      ...account,
      // Its own session: Ctrl-C in a terminal must not stop the server under an engine that is still draining.
      detached: true,
      cwd: rootFolder(),
      env: serverEnvironment(binaries.libraryPath),
      stdio: ["ignore", log.fd, log.fd],
      windowsHide: true,
    });
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) =>
        resolve(signal === null ? `exit code ${code}` : `signal ${signal}`),
      );
    });
    child.unref();
    if (child.pid !== undefined) options.onSpawn?.(child.pid);
    return { size, pid: child.pid, ended };
  } finally {
    await log.close();
  }
}

function settingsOf(options: StartOptions, port: number): readonly string[] {
  const settings: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    fsync: options.fsync ? "on" : "off",
    timezone: "UTC",
    log_timezone: "UTC",
    // Errors of statements reach their callers; in a file they would only be a place where values leak to.
    log_min_messages: "log",
    log_checkpoints: "off",
    ...options.settings,
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function openLog(file: string): Promise<Awaited<ReturnType<typeof open>>> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_LIMIT_BYTES) await rename(file, `${file}.1`);
  return open(file, "a", 0o600);
}

async function tail(file: string, from: number): Promise<string> {
  const text = await readFile(file).catch(() => Buffer.alloc(0));
  return text.subarray(from).toString("utf8").trim().split("\n").slice(-5).join(" | ");
}

/** A loopback port that is free at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  if (address === null || typeof address === "string") throw failed("no free port", "");
  return address.port;
}

/** Makes a file or folder the account's. Nothing to do when the server runs under our own account. */
export async function give(target: string, account: Account): Promise<void> {
  if (account.uid === undefined || account.gid === undefined) return;
  await chown(target, account.uid, account.gid);
  if ((await stat(target)).isDirectory()) await chmod(target, 0o700);
}

export function failed(what: string, received: string, cause?: unknown): FlowForgeError {
  return new FlowForgeError("embedded_postgres_failed", {
    subject: "embedded PostgreSQL",
    received: received === "" ? what : `${what}: ${received.slice(0, 1_000)}`,
    next: "Correct what it says. With the option dataDir, server.log in that folder has more.",
    ...(cause === undefined ? {} : { cause }),
  });
}

function outputOf(error: unknown): string {
  if (typeof error === "object" && error !== null && "stderr" in error) {
    const text = String(error.stderr).trim();
    if (text !== "") return text.split("\n").slice(-5).join(" | ");
  }
  return error instanceof Error ? error.message : String(error);
}
