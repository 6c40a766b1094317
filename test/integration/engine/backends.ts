/**
 * Engines for tests, on each queue backend; stopped and cleaned up by themselves. With `FLOWFORGE_TEST_REDIS_CLUSTER=yes` the Redis is a cluster of three masters
 * with a replica each, one for each file of tests, in place of the shared server; `-t cluster` then leaves out the half on PostgreSQL alone.
 */
import { Cluster, Redis } from "ioredis";
import { afterAll, describe } from "vitest";
import { createEngine, type Engine, type EngineOptions, type Logger } from "../../../src/index.ts";
import { type RedisCluster, startRedisCluster } from "../../support/redis-cluster.ts";
import {
  databaseUrl,
  describeRedis,
  redisUrl,
  testDatabase,
  type TestDatabase,
  testRedis,
} from "../../support/servers.ts";
import { TEMPLATE, TEMPLATE_PREFIX } from "../../support/template.ts";

export type BackendName = "postgres" | "postgres+redis";

export interface Backend extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly queuePrefix: string;
  /** Options that connect to this backend, for child processes too. */
  readonly connection: EngineOptions;
  /** An engine on this backend; not started. */
  engine(options?: EngineOptions): Engine;
  /** A client of the Redis, whatever that is; closed with the backend. */
  redis(): Promise<Redis | Cluster>;
  /** With a client of each server that may have keys: of one, or of all masters of a cluster. None on PostgreSQL alone. */
  eachRedis<T>(work: (client: Redis) => Promise<T>): Promise<readonly T[]>;
  /** Deletes every key of this backend's queue. */
  wipeQueue(): Promise<number>;
}

/** Runs a suite on PostgreSQL alone and on PostgreSQL + Redis. */
export function onEachBackend(name: string, suite: (backend: BackendName) => void): void {
  describe(`${name} (postgres)`, () => suite("postgres"));
  describeRedis(`${name} (postgres+redis${IS_CLUSTER ? " cluster" : ""})`, () => {
    // Before the suite's own, because the last one runs first: its engines stop while there is a cluster.
    afterAll(async () => {
      const started = cluster;
      cluster = null;
      await (await started)?.[Symbol.asyncDispose]();
    });
    suite("postgres+redis");
  });
}

const IS_CLUSTER = process.env["FLOWFORGE_TEST_REDIS_CLUSTER"] === "yes";
let cluster: Promise<RedisCluster> | null = null;

const clusterOfTests = (): Promise<RedisCluster> => (cluster ??= startRedisCluster());

/** As the engine's option `redis`; none where this run has none. */
async function redisOfTests(): Promise<Pick<EngineOptions, "redis">> {
  if (IS_CLUSTER) return { redis: { nodes: (await clusterOfTests()).nodes } };
  const url = redisUrl();
  return url === null ? {} : { redis: url };
}

let counter = 0;

/** `isEmpty`: its database has no schema yet. */
export async function openBackend(name: BackendName, isEmpty = false): Promise<Backend> {
  const database = await testDatabase(databaseUrl(), isEmpty ? undefined : process.env[TEMPLATE]);
  // On PostgreSQL the database keeps the queues of tests apart, and the copy of the template has this one.
  const queuePrefix = name === "postgres" ? TEMPLATE_PREFIX : `fft_${process.pid}_${counter++}`;
  const connection: EngineOptions = {
    postgres: database.url,
    queuePrefix,
    ...(name === "postgres+redis" ? await redisOfTests() : {}),
  };
  const engines: Engine[] = [];
  const clients: (Redis | Cluster)[] = [];
  const each = async <T>(work: (client: Redis) => Promise<T>): Promise<readonly T[]> =>
    name === "postgres+redis" ? eachRedis(work) : [];
  const wipeQueue = async (): Promise<number> => {
    const counts = await each((client) => deleteKeysOf(client, queuePrefix));
    return counts.reduce((sum, count) => sum + count, 0);
  };
  return {
    database,
    queuePrefix,
    connection,
    async redis() {
      const client = await newClient();
      clients.push(client);
      return client;
    },
    eachRedis: each,
    wipeQueue,
    engine(options = {}) {
      const engine = createEngine({ ...connection, ...options });
      engines.push(engine);
      return engine;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(engines.map((engine) => engine.stop({ timeout: "2s" })));
      for (const client of clients) client.disconnect();
      await wipeQueue();
      await database.drop();
    },
  };
}

async function newClient(): Promise<Redis | Cluster> {
  const patient = { maxRetriesPerRequest: null };
  const client = IS_CLUSTER
    ? new Cluster((await clusterOfTests()).nodes, { redisOptions: patient })
    : new Redis(redisUrl()!, patient);
  return client.on("error", () => undefined);
}

async function eachRedis<T>(work: (client: Redis) => Promise<T>): Promise<readonly T[]> {
  if (IS_CLUSTER) {
    const masters = await (await clusterOfTests()).masters();
    return Promise.all(masters.map(({ client }) => work(client)));
  }
  await using redis = await testRedis();
  return [await work(redis.client())];
}

/** One key a command: in a cluster two of them may be in different slots. */
async function deleteKeysOf(client: Redis, prefix: string): Promise<number> {
  let deleted = 0;
  for await (const found of client.scanStream({ match: `*${prefix}*`, count: 1_000 })) {
    const keys = found as string[];
    for (const gone of await Promise.all(keys.map((key) => client.unlink(key)))) deleted += gone;
  }
  return deleted;
}

/** Keeps what was logged. A test that must have no warnings looks at `lines`. */
export interface CollectingLogger extends Logger {
  readonly lines: { level: string; message: string; fields: object }[];
}

export function collectingLogger(): CollectingLogger {
  const lines: CollectingLogger["lines"] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields });
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
