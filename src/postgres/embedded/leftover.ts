/** A server that is still on our data: another engine's, or one that a crash left behind. */
import { rm } from "node:fs/promises";
import { FlowForgeError } from "../../core/errors.ts";
import type { Logger } from "../../core/ports/logger.ts";
import { DATABASE, failed, USER } from "./cluster.ts";
import type { DataDirectory } from "./data-directory.ts";
import { lockServer } from "./owner-lock.ts";
import { isAlive, pidFileOf, readPidFile, servesFolder, stopServer, waitFor } from "./postmaster.ts";
const WAIT_MS = 20_000;

/**
 * Resolves when no server is on the data any more. Throws `data_dir_in_use` where an engine owns it, `embedded_postgres_failed`
 * where it does not end.
 *
 * A server that takes no connections is starting or, after a crash of its owner, ending by its watchdog: that is waited for.
 */
export async function endLeftover(directory: DataDirectory, logger: Logger): Promise<void> {
  let pid = 0;
  const gone = await waitFor(async () => {
    const found = await readPidFile(directory.cluster);
    if (found === undefined) return true;
    if (!(await servesFolder(found.pid, directory.cluster))) {
      await forget(directory.cluster, found.pid);
      return true;
    }
    pid = found.pid;
    return found.ready && (await endOwnerless(directory, found, logger));
  }, WAIT_MS);
  if (!gone && isAlive(pid) && !(await stopServer(pid, 5_000))) {
    throw failed("a server of an earlier run does not end", `process ${pid}`);
  }
}

/** PostgreSQL would take a stranger that has got the number of a crashed server for that server, and refuse to start. */
async function forget(cluster: string, pid: number): Promise<void> {
  if (isAlive(pid)) await rm(pidFileOf(cluster), { force: true });
}

/** `true`: it had no owner and has ended. */
async function endOwnerless(
  { home, password }: DataDirectory,
  server: { readonly pid: number; readonly port: number },
  logger: Logger,
): Promise<boolean> {
  try {
    const url = `postgres://${USER}:${password}@127.0.0.1:${server.port}/${DATABASE}`;
    const lock = await lockServer(url, home);
    logger.warn({ dataDir: home, pid: server.pid }, "an embedded server of an earlier run is ended");
    // Held to the end: whoever has just started this server, and not locked it yet, is told that it is ours.
    const ended = await stopServer(server.pid, 10_000);
    await lock.release();
    return ended;
  } catch (error) {
    if (FlowForgeError.is(error)) throw error;
    return false;
  }
}
