/**
 * Connections. Each kind of work has its own small pool, so that no kind can starve another: the committer, reads and
 * maintenance, the locked path, and the heartbeat. A pool that the host lends serves all of them and is never closed here.
 *
 * Every pool and every client has an `error` listener: without one, a server that restarts would end the host's process.
 */
import pg from "pg";
import type { Pool, PoolClient, PoolConfig } from "pg";
import { connectionErrorOf, unreachable } from "./failures.ts";
import { Line } from "./line.ts";
import { isBorrowed, targetOf, type Connection } from "./own-settings.ts";
import { sendable } from "./sendable.ts";
import { SteadyClient } from "./steady-client.ts";

export interface Statement {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** Prepared under this name where that is allowed. The same name always goes with the same text. */
  readonly name?: string;
}

/** Whatever sends our statements. */
export type Sender = Pick<Session, "query">;

/** One connection, for as long as `use` lends it. */
export interface Session {
  query<Row>(statement: Statement): Promise<readonly Row[]>;
  /** A statement of the host: values come back as the driver gives them. */
  plain<Row extends object>(text: string, values: readonly unknown[]): Promise<PlainResult<Row>>;
}

export interface PlainResult<Row> {
  readonly rows: Row[];
  readonly rowCount: number | null;
}

export interface ConnectionPool {
  /** `host:port/database`; never a password. */
  readonly target: string;
  /**
   * Lends a connection, and waits in line for it, however long, while the line moves. Rejects with `postgres_unreachable` where there is none to be had; then
   * nothing was sent. Errors of `work` pass through; a connection that broke on the way is thrown away.
   */
  use<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** The same with the driver's own client. */
  lend<T>(work: (client: PoolClient) => Promise<T>): Promise<T>;
  /** The same for one statement. */
  query<Row>(statement: Statement): Promise<readonly Row[]>;
  close(): Promise<void>;
}

export interface PoolOptions {
  readonly connection: Connection;
  readonly max: number;
  /** Named prepared statements. */
  readonly prepare: boolean;
  /** `set` on every new connection of an own pool; ignored for a borrowed pool, whose sessions belong to the host. */
  readonly settings?: { readonly [name: string]: string };
  /** How long an unused connection stays open; 0: for ever. */
  readonly idleMs: number;
  /** How long an answer may take before the connection is given up. 0: for ever. */
  readonly answerMs: number;
}

/** How values come back: `bigint` as a number (ours are below 2^53), JSON as text, parsed where somebody reads it. */
const types = {
  getTypeParser(oid: number, format?: "text" | "binary"): (value: string) => unknown {
    if (oid === 20) return Number;
    if (oid === 114) return String;
    return pg.types.getTypeParser(oid, format === "binary" ? "text" : format) as (value: string) => unknown;
  },
};

export function openPool(options: PoolOptions): ConnectionPool {
  const { connection } = options;
  const config = typeof connection === "string" ? { connectionString: connection } : connection;
  const target = targetOf(isBorrowed(config) ? config.options : config);
  const pool = isBorrowed(config) ? config : ownPool(config, options);
  // How long one waits for a connection of the host's, the host's pool says.
  const line = isBorrowed(config) ? null : lineOf(config, options);
  const lendNow = async <T>(work: (client: PoolClient) => Promise<T>): Promise<T> => {
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    const client = await connect(pool, target, onError);
    line?.moved();
    try {
      return await work(client);
    } catch (error) {
      broken ??= connectionErrorOf(error);
      throw error;
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  };
  const lend = async <T>(work: (client: PoolClient) => Promise<T>): Promise<T> => {
    if (!line) return lendNow(work);
    await line.enter().catch((error: unknown) => Promise.reject(unreachable(target, error)));
    try {
      return await lendNow(work);
    } finally {
      line.leave();
    }
  };
  const use = <T>(work: (session: Session) => Promise<T>): Promise<T> =>
    lend((client) => work(sessionOf(client, options.prepare)));
  let closing: Promise<void> | undefined;
  return {
    target,
    lend,
    use,
    query: <Row>(statement: Statement) => use((session) => session.query<Row>(statement)),
    close: () => (closing ??= isBorrowed(connection) ? Promise.resolve() : pool.end()),
  };
}

const CONNECT_MS = 10_000;

function lineOf({ connectionTimeoutMillis = CONNECT_MS }: PoolConfig, { max }: PoolOptions): Line {
  return new Line({ places: max, standMs: connectionTimeoutMillis });
}

function ownPool(config: PoolConfig, { max, idleMs, answerMs, settings }: PoolOptions): Pool {
  const pool = new pg.Pool({
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: "flowforge",
    Client: SteadyClient,
    ...config,
    ...(answerMs > 0 ? { query_timeout: answerMs } : {}),
    max,
    idleTimeoutMillis: idleMs,
  });
  pool.on("error", () => undefined);
  if (settings) {
    const text = Object.entries(settings).map(([name, value]) => `set ${name} = '${value}'`);
    // Queued before any statement of the borrower. Where it fails, the connection is broken and the next statement says so.
    pool.on("connect", (client) => void client.query(text.join("; ")).catch(() => undefined));
  }
  return pool;
}

/**
 * With a callback and not a promise: between the two a client that was just connected can hear that the server goes down, and a
 * host's clients end the process where nobody listens.
 */
function connect(pool: Pool, target: string, onError: (error: Error) => void): Promise<PoolClient> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      if (client === undefined) return reject(unreachable(target, error));
      client.on("error", onError);
      resolve(client);
    });
  });
}

function sessionOf(client: PoolClient, prepare: boolean): Session {
  return {
    async query<Row>({ text, values, name }: Statement): Promise<readonly Row[]> {
      const result = await client.query({
        text,
        ...(values ? { values: sendable(values) } : {}),
        ...(prepare && name !== undefined ? { name } : {}),
        types,
      });
      return result.rows as Row[];
    },
    async plain<Row extends object>(text: string, values: readonly unknown[]): Promise<PlainResult<Row>> {
      const { rows, rowCount } = await client.query<Row>(text, values as unknown[]);
      return { rows, rowCount };
    },
  };
}
