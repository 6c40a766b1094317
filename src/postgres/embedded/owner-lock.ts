/** Who may use an embedded server: one engine, the one whose session holds this lock. It goes with the process. */
import pg from "pg";
import { FlowForgeError } from "../../core/errors.ts";
import { waitFor } from "./postmaster.ts";

/** Any number; nobody else takes advisory locks in the database `postgres` of a private server. */
const LOCK = 7_206_114;

/** A server takes a moment to see that an owner was killed; on a busy machine a longer one. */
const PATIENCE_MS = 1_500;

export interface OwnerLock {
  release(): Promise<void>;
}

/** Throws `data_dir_in_use` where another engine holds it, and what `pg` throws where the server does not answer. */
export async function lockServer(connectionString: string, home: string): Promise<OwnerLock> {
  const client = new pg.Client({
    connectionString,
    application_name: "flowforge owner",
    connectionTimeoutMillis: 10_000,
  });
  // The server ended under us: the store's own connections report that.
  client.on("error", () => undefined);
  await client.connect();
  const taken = await waitFor(() => tryLock(client), PATIENCE_MS).catch(async (error: unknown) => {
    await client.end();
    throw error;
  });
  if (!taken) {
    await client.end();
    throw inUse(home);
  }
  return { release: () => client.end().catch(() => undefined) };
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>("select pg_try_advisory_lock($1) as taken", [LOCK]);
  return rows[0]?.taken === true;
}

export function inUse(home: string): FlowForgeError {
  return new FlowForgeError("data_dir_in_use", {
    subject: `data directory ${home}`,
    expected: "no other engine on it",
    received: "a running server that another engine owns",
    next: "Stop the other engine, or give this one a data directory of its own. To share data between processes, run a PostgreSQL server and pass its address as the option postgres.",
  });
}
