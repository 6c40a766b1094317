/**
 * Servers for tests. One PostgreSQL and one Redis exist per test run (`provide.ts` says where they come from);
 * every test gets a database, or a key prefix, of its own.
 *
 *     await using db = await testDatabase();            // a fresh, empty database; dropped at the end of the block
 *     const pool = db.pool({ max: 4 });                 // pg.Pool on it; ended by db.drop()
 *     await db.query("select 1");
 *     createEngine({ postgres: db.url });
 *
 *     describeRedis("queue on Redis", () => {           // runs where there is a Redis; fails in CI where there is none
 *       it("...", async () => {
 *         await using redis = await testRedis();        // { url, prefix, client() }; its keys are deleted at the end
 *         new Queue("lane", { connection: { url: redis.url }, prefix: redis.prefix });
 *       });
 *     });
 *
 *     for (const version of await postgresVersions()) { // every PostgreSQL of this machine: for contracts
 *       describe(version.label, () => { ... version.database() ... });   // like testDatabase(), on that version
 *     }
 *
 *     await using server = await startPostgres();       // chaos: a private server (postgres.ts); also startRedis() (redis.ts)
 *     server.pause(); server.resume(); await server.kill(); await server.restart();
 *
 * Child processes find the shared servers in the same environment variables as we do. Scripts without vitest call
 * `provideServers()` of `provide.ts` first.
 */
import { randomBytes } from "node:crypto";
import { Redis, type RedisOptions } from "ioredis";
import pg from "pg";
import { afterAll, describe, it } from "vitest";
import { availablePostgres, startPostgres, type TestServer } from "./postgres.ts";
import { NO_REDIS } from "./redis.ts";

export { startPostgres } from "./postgres.ts";
export type { PostgresOptions, TestServer } from "./postgres.ts";
export { startRedis } from "./redis.ts";

/** An empty database of one test. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
  /** A pool on this database; `drop` ends it. */
  pool(options?: pg.PoolConfig): pg.Pool;
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Ends the pools and drops the database, whoever is still connected. Twice is once. */
  drop(): Promise<void>;
}

/** The address of the shared PostgreSQL. */
export function databaseUrl(): string {
  const url = process.env["FLOWFORGE_TEST_DATABASE_URL"];
  if (url !== undefined && url !== "") return url;
  throw new Error(
    "There is no test database: run through vitest, or call provideServers() of test/support/provide.ts.",
  );
}

/** A fresh database on the shared server, or on the one of `serverUrl`: empty, or a copy of the database `template` there. */
export async function testDatabase(
  serverUrl: string = databaseUrl(),
  template?: string,
): Promise<TestDatabase> {
  const name = `fft_${process.pid}_${randomBytes(6).toString("hex")}`;
  await administer(serverUrl, `create database ${name}${template ? ` template ${template}` : ""}`);
  const address = new URL(serverUrl);
  address.pathname = `/${name}`;
  const url = address.href;
  const pools: pg.Pool[] = [];
  const pool = (options: pg.PoolConfig = {}): pg.Pool => {
    const made = new pg.Pool({ connectionString: url, max: 8, ...options });
    // Chaos tests cut connections; an idle one that ends is no error of the test.
    made.on("error", () => undefined);
    pools.push(made);
    return made;
  };
  let own: pg.Pool | undefined;
  let dropped: Promise<void> | undefined;
  const drop = (): Promise<void> =>
    (dropped ??= (async () => {
      await Promise.all(pools.map((one) => (one.ended ? Promise.resolve() : one.end())));
      await administer(serverUrl, `drop database if exists ${name} with (force)`);
    })());
  return {
    url,
    name,
    pool,
    query: async <Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]> =>
      (await (own ??= pool()).query<Row>(text, values)).rows,
    drop,
    [Symbol.asyncDispose]: drop,
  };
}

async function administer(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

export interface PostgresVersion {
  readonly label: string;
  readonly major: number;
  database(): Promise<TestDatabase>;
}

/**
 * The oldest and the newest PostgreSQL of this machine; only the given one where the run has an address or containers. To
 * be awaited at the top of a test file. Servers other than the shared one start when they are first asked for a database,
 * and stop after the file.
 */
export async function postgresVersions(): Promise<readonly PostgresVersion[]> {
  const shared = await sharedMajor();
  const versions = [version(shared, async () => databaseUrl())];
  if (process.env["FLOWFORGE_TEST_POSTGRES_SOURCE"] !== "local") return versions;
  const all = await availablePostgres();
  for (const binaries of new Set([all.at(0), all.at(-1)])) {
    if (binaries === undefined || binaries.major === shared) continue;
    let server: Promise<TestServer> | undefined;
    afterAll(async () => (await server)?.stop());
    versions.push(
      version(binaries.major, async () => (await (server ??= startPostgres({ major: binaries.major }))).url),
    );
  }
  return versions.sort((a, b) => a.major - b.major);
}

function version(major: number, url: () => Promise<string>): PostgresVersion {
  return { label: `PostgreSQL ${major}`, major, database: async () => testDatabase(await url()) };
}

async function sharedMajor(): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl() });
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string }>(
      "select current_setting('server_version_num') as version",
    );
    return Math.floor(Number(rows[0]?.version) / 10_000);
  } finally {
    await client.end();
  }
}

/** A key prefix of one test on the shared Redis. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  /** Give it to BullMQ as `prefix`, or begin every key with it. */
  readonly prefix: string;
  /** A connection; `clean` ends it. */
  client(options?: Pick<RedisOptions, "protocol" | "enableOfflineQueue" | "connectionName">): Redis;
  /** Ends the connections and deletes every key that begins with the prefix. Twice is once. */
  clean(): Promise<void>;
}

/** The address of the shared Redis; `null` where this run has none. */
export function redisUrl(): string | null {
  const url = process.env["FLOWFORGE_TEST_REDIS_URL"];
  return url === undefined || url === "" ? null : url;
}

export async function testRedis(): Promise<TestRedis> {
  const url = redisUrl();
  if (url === null) throw new Error(NO_REDIS);
  const prefix = `fft-${process.pid}-${randomBytes(6).toString("hex")}`;
  const clients: Redis[] = [];
  const client = (
    options: Pick<RedisOptions, "protocol" | "enableOfflineQueue" | "connectionName"> = {},
  ): Redis => {
    const made = new Redis(url, { maxRetriesPerRequest: null, ...options });
    made.on("error", () => undefined);
    clients.push(made);
    return made;
  };
  let cleaned: Promise<void> | undefined;
  const clean = (): Promise<void> =>
    (cleaned ??= (async () => {
      for (const one of clients) one.disconnect();
      await deleteKeys(url, prefix);
    })());
  return { url, prefix, client, clean, [Symbol.asyncDispose]: clean };
}

async function deleteKeys(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url);
  try {
    for await (const found of redis.scanStream({ match: `${prefix}*`, count: 1_000 })) {
      const keys: string[] = found;
      if (keys.length > 0) await redis.unlink(...keys);
    }
  } finally {
    redis.disconnect();
  }
}

/** `describe` for suites that need Redis. Without one: not run (the run says so, loudly), and a failure in CI. */
export function describeRedis(name: string, body: () => void): void {
  if (redisUrl() !== null) describe(name, body);
  else if (process.env["CI"] === undefined) describe.skip(`${name} (not run: no Redis)`, body);
  else
    describe(name, () => {
      it("needs a Redis", () => {
        throw new Error(NO_REDIS);
      });
    });
}
