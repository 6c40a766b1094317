import { readFile } from "node:fs/promises";

/** The operating system account a server runs under. Empty: the same as this process. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

const NOBODY: number = 65534;

/**
 * PostgreSQL refuses to run as root, so as root it gets the account `postgres`, else `nobody`. Data that already
 * exists decides by its owner: the account may differ between two images that share a volume.
 */
export async function serverAccount(owner?: {
  readonly uid: number;
  readonly gid: number;
}): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const users = await readFile("/etc/passwd", "utf8").catch(() => "");
  return entry(users, "postgres") ?? entry(users, "nobody") ?? { uid: NOBODY, gid: NOBODY };
}

function entry(users: string, name: string): Account | undefined {
  const fields = users
    .split("\n")
    .find((line) => line.startsWith(`${name}:`))
    ?.split(":");
  const uid = Number(fields?.[2]);
  const gid = Number(fields?.[3]);
  return Number.isInteger(uid) && Number.isInteger(gid) && uid !== 0 ? { uid, gid } : undefined;
}
