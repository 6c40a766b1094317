/**
 * Settings for connections of our own, from whatever the host passed. A connection that listens for ever, or that needs a
 * `search_path`, cannot come from a pool of the host's: such a pool gives its settings and none of its connections.
 */
import pg from "pg";
import type { Pool, PoolConfig } from "pg";
import type { Connection } from "./pool.ts";

export function ownSettings(connection: Connection): PoolConfig {
  if (typeof connection === "string") return { connectionString: connection };
  if (!isPool(connection)) return connection;
  // A pool hides its password from copies, so it is fetched by name.
  const { password } = connection.options;
  return { ...connection.options, ...(password === undefined ? {} : { password }) };
}

function isPool(connection: PoolConfig | Pool): connection is Pool {
  return "connect" in connection && typeof connection.connect === "function";
}

/** `host:port/database`, never a password. */
export function targetOf(settings: PoolConfig): string {
  const client = new pg.Client(settings);
  return `${client.host}:${client.port}/${client.database ?? ""}`;
}
