/**
 * What the host passes to say where PostgreSQL is, and settings for connections of our own from it. A connection that listens for
 * ever, or that needs a `search_path`, cannot come from a pool of the host's: such a pool gives its settings and none of its
 * connections.
 */
import pg from "pg";
import type { Pool, PoolConfig } from "pg";

/** A connection string, options as `pg` takes them, or a pool of the host's. */
export type Connection = string | PoolConfig | Pool;

/** By shape and not by class: the host may have another copy of `pg` than we have. */
export function isBorrowed(connection: Connection): connection is Pool {
  return (
    typeof connection === "object" && "connect" in connection && typeof connection.connect === "function"
  );
}

export function ownSettings(connection: Connection): PoolConfig {
  if (typeof connection === "string") return { connectionString: connection };
  if (!isBorrowed(connection)) return connection;
  // A pool hides its password from copies, so it is fetched by name.
  const { password } = connection.options;
  return { ...connection.options, ...(password === undefined ? {} : { password }) };
}

/** `host:port/database`, never a password. The driver knows best how to read its own options, and this client never connects. */
export function targetOf(settings: PoolConfig): string {
  const client = new pg.Client(settings);
  return `${client.host}:${client.port}/${client.database ?? ""}`;
}
