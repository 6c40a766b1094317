/** The folder that a host names with `dataDir`: what is in it, and whether a server can live there. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { link, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { FlowForgeError } from "../../core/errors.ts";
import { type Account, serverAccount } from "./account.ts";

const run = promisify(execFile);

/** Everything that is ever in a data directory, but for drafts. */
const OURS: ReadonlySet<string> = new Set(["pg", "password", "server.log", "server.log.1", "libraries"]);

/** What `createCluster` and `newPassword` leave where they are killed. */
const DRAFT: RegExp = /^(pg\.new-[0-9a-f]{12}(\.password)?|password\.\d+-[0-9a-f]{8})$/;

export interface DataDirectory {
  readonly home: string;
  /** PostgreSQL's data folder. */
  readonly cluster: string;
  readonly password: string;
  readonly account: Account;
  /** Goes with the server. */
  readonly temporary: boolean;
}

/** Makes it where it is missing. Throws `data_dir_unusable`, with nothing changed. */
export async function openDataDirectory(dataDir: string): Promise<DataDirectory> {
  const home = path.resolve(dataDir);
  const cluster = path.join(home, "pg");
  try {
    await mkdir(home, { recursive: true, mode: 0o711 });
  } catch (error) {
    throw unusable(home, {
      expected: "a folder, or a place where one can be made",
      received: reasonOf(error),
      cause: error,
    });
  }
  const names = await namesIn(home);
  const owner = await ownerOf(cluster);
  const account = await serverAccount(owner);
  await assertEnterable(home, account, owner);
  const password = names.includes("pg") ? await storedPassword(home) : await newPassword(home);
  return { home, cluster, password, account, temporary: false };
}

async function namesIn(home: string): Promise<readonly string[]> {
  const names = await readdir(home).catch((error: unknown): never => {
    throw unusable(home, { expected: "a folder that can be read", received: reasonOf(error), cause: error });
  });
  const strangers = names.filter((name) => !OURS.has(name) && !DRAFT.test(name));
  if (names.includes("pg") || strangers.length === 0) return names;
  throw unusable(home, {
    expected: "an empty folder, or one that FlowForge made",
    received: `a folder with ${strangers.slice(0, 3).join(", ")}`,
  });
}

/**
 * For the owner of the directory only. Another engine may be at work on a draft: it was too late in any case.
 */
export async function removeDrafts(home: string): Promise<void> {
  for (const name of (await readdir(home)).filter((name) => DRAFT.test(name))) {
    await rm(path.join(home, name), { recursive: true, force: true, maxRetries: 5 });
  }
}

async function ownerOf(cluster: string): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  return stat(cluster).catch(() => undefined);
}

/** The server's account must be able to walk to its data, and own it. */
async function assertEnterable(
  home: string,
  account: Account,
  owner: { readonly uid: number } | undefined,
): Promise<void> {
  const own = account.uid ?? process.getuid?.();
  if (owner !== undefined && own !== undefined && owner.uid !== own) {
    throw unusable(home, {
      expected: `data that belongs to user ${own}`,
      received: `data of user ${owner.uid}`,
    });
  }
  if (account.uid === undefined) return;
  await run("/bin/sh", ["-c", 'cd "$1"', "sh", home], { ...account, cwd: "/" }).catch(
    (error: unknown): never => {
      throw unusable(home, {
        expected: `a folder that user ${account.uid} may enter: PostgreSQL does not run as root`,
        received: "one behind a folder that it may not enter",
        cause: error,
      });
    },
  );
}

async function storedPassword(home: string): Promise<string> {
  const text = await readFile(path.join(home, "password"), "utf8").catch(() => "");
  if (text.trim() !== "") return text.trim();
  throw unusable(home, { expected: 'a file "password" beside the data', received: "none, or an empty one" });
}

/** Two processes that start at once agree on one: the file appears complete, and only once. */
async function newPassword(home: string): Promise<string> {
  const file = path.join(home, "password");
  const draft = `${file}.${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    await writeFile(draft, randomBytes(18).toString("base64url"), { mode: 0o600 });
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  } catch (error) {
    throw unusable(home, {
      expected: "a folder that can be written",
      received: reasonOf(error),
      cause: error,
    });
  } finally {
    await rm(draft, { force: true });
  }
  return storedPassword(home);
}

function unusable(
  home: string,
  facts: { readonly expected: string; readonly received: string; readonly cause?: unknown },
): FlowForgeError {
  return new FlowForgeError("data_dir_unusable", {
    subject: `data directory ${home}`,
    ...facts,
    next: "Name another folder with the option dataDir, or correct the permissions of this one.",
  });
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
