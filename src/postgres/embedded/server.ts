/**
 * The embedded server: a private PostgreSQL on 127.0.0.1 with a random password, for whoever has no server of their own. It is
 * provisioning and nothing else: what comes out is a connection string.
 *
 * Invariants:
 * - one engine per data directory: it holds an advisory lock in the server, which goes when its process goes, however it goes;
 * - a server that a crash left behind is ended in order before ours starts on its data;
 * - when this process dies, the watchdog ends the server, and removes a temporary folder.
 */
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { FlowForgeError } from "../../core/errors.ts";
import type { Logger } from "../../core/ports/logger.ts";
import { serverAccount } from "./account.ts";
import { findBinaries } from "./binaries.ts";
import {
  type ClusterOptions,
  clusterVersion,
  createCluster,
  DATABASE,
  failed,
  type RunningServer,
  startServer,
  USER,
} from "./cluster.ts";
import { type DataDirectory, openDataDirectory, reasonOf, removeDrafts } from "./data-directory.ts";
import { endLeftover } from "./leftover.ts";
import { inUse, lockServer, type OwnerLock } from "./owner-lock.ts";
import { isServed, pidFileOf, stopServer } from "./postmaster.ts";
import { startWatchdog, type Watchdog } from "./watchdog.ts";

const START_MS = 60_000;
const STOP_MS = 15_000;

export interface EmbeddedOptions {
  /** Where the data is kept. None: a temporary folder that goes with the server. */
  readonly dataDir?: string;
  readonly logger: Logger;
}

export interface EmbeddedServer {
  readonly connectionString: string;
  /** Ends the server in order; a temporary folder is removed. Twice is once. */
  stop(): Promise<void>;
}

/**
 * Starts the server, on the data of an earlier run where `dataDir` has any. Resolves when it takes connections.
 *
 * Throws `embedded_postgres_missing`, `embedded_postgres_failed`, `data_dir_in_use`, `data_dir_unusable`.
 */
export async function startEmbeddedPostgres({ dataDir, logger }: EmbeddedOptions): Promise<EmbeddedServer> {
  const directory = dataDir === undefined ? await temporaryDirectory() : await openDataDirectory(dataDir);
  try {
    return await startOn(directory, logger);
  } catch (error) {
    if (directory.temporary) await rm(directory.home, { recursive: true, force: true });
    throw error;
  }
}

async function temporaryDirectory(): Promise<DataDirectory> {
  const home = await mkdtemp(path.join(tmpdir(), "flowforge-pg-"));
  // The account of the server must be able to walk through it.
  await chmod(home, 0o711);
  const password = randomBytes(18).toString("base64url");
  return { home, cluster: path.join(home, "pg"), password, account: await serverAccount(), temporary: true };
}

async function startOn(directory: DataDirectory, logger: Logger): Promise<EmbeddedServer> {
  const { home, cluster, temporary } = directory;
  // Before the first file: a folder half made is removed too.
  const watchdog = startWatchdog({ pidFile: pidFileOf(cluster), ...(temporary ? { remove: home } : {}) });
  try {
    const { server, lock, connectionString } = await ownServer(directory, watchdog, logger);
    const end = async (): Promise<void> => {
      const ended = await stopServer(server.pid, STOP_MS);
      if (!ended) logger.error({ pid: server.pid }, "the embedded server does not end");
      // The shutdown has cut it; until then nobody took this server for one without an owner.
      await lock.release();
      if (temporary) await rm(home, { recursive: true, force: true, maxRetries: 5 });
      watchdog.dismiss();
    };
    let stopped: Promise<void> | undefined;
    return { connectionString, stop: () => (stopped ??= end()) };
  } catch (error) {
    watchdog.dismiss();
    throw FlowForgeError.is(error) ? error : failed("the server did not start", reasonOf(error), error);
  }
}

interface OwnServer {
  readonly server: RunningServer;
  readonly lock: OwnerLock;
  readonly connectionString: string;
}

async function ownServer(directory: DataDirectory, watchdog: Watchdog, logger: Logger): Promise<OwnServer> {
  const { home, cluster, password } = directory;
  const options = await prepare(directory);
  await endLeftover(directory, logger);
  const logFile = path.join(home, "server.log");
  const onSpawn = (pid: number): void => watchdog.guard(pid);
  let server: RunningServer | undefined;
  try {
    server = await startServer({ ...options, logFile, deadlineMs: START_MS, onSpawn });
    const connectionString = `postgres://${USER}:${password}@127.0.0.1:${server.port}/${DATABASE}`;
    const lock = await lockServer(connectionString, home);
    await removeDrafts(home);
    return { server, lock, connectionString };
  } catch (error) {
    if (server !== undefined) await stopServer(server.pid, STOP_MS);
    else if (await isServed(cluster)) throw inUse(home);
    throw error;
  }
}

/** Finds the programs, and makes the data where there is none. */
async function prepare({
  home,
  cluster,
  account,
  password,
  temporary,
}: DataDirectory): Promise<ClusterOptions> {
  const existing = await clusterVersion(cluster);
  const binaries = await findBinaries({
    account,
    linkFolder: path.join(home, "libraries"),
    ...(existing === undefined ? {} : { major: existing, data: home }),
  });
  // What is gone with the process need not survive the machine.
  const options = { binaries, account, folder: cluster, fsync: !temporary };
  if (existing === undefined) await createOnce(options, password);
  return options;
}

/** Another engine may make the same folder at the same moment: then its data is there, and is as good as ours. */
async function createOnce(options: ClusterOptions, password: string): Promise<void> {
  try {
    await createCluster(options, password);
  } catch (error) {
    if ((await clusterVersion(options.folder)) === undefined) throw error;
  }
}
