/** Engines for tests, on each queue backend; stopped and cleaned up by themselves. */
import { describe } from "vitest";
import { createEngine, type Engine, type EngineOptions, type Logger } from "../../../src/index.ts";
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
  /** Deletes every key of this backend's queue. */
  wipeQueue(): Promise<number>;
}

/** Runs a suite on PostgreSQL alone and on PostgreSQL + Redis. */
export function onEachBackend(name: string, suite: (backend: BackendName) => void): void {
  describe(`${name} (postgres)`, () => suite("postgres"));
  describeRedis(`${name} (postgres+redis)`, () => suite("postgres+redis"));
}

let counter = 0;

export async function openBackend(name: BackendName): Promise<Backend> {
  const database = await testDatabase(databaseUrl(), process.env[TEMPLATE]);
  const url = redisUrl();
  // On PostgreSQL the database keeps the queues of tests apart, and the copy of the template has this one.
  const queuePrefix = name === "postgres" ? TEMPLATE_PREFIX : `fft_${process.pid}_${counter++}`;
  const connection: EngineOptions = {
    postgres: database.url,
    queuePrefix,
    ...(name === "postgres+redis" && url !== null ? { redis: url } : {}),
  };
  const engines: Engine[] = [];
  const wipeQueue = (): Promise<number> =>
    name === "postgres+redis" ? deleteKeys(queuePrefix) : Promise.resolve(0);
  return {
    database,
    queuePrefix,
    connection,
    wipeQueue,
    engine(options = {}) {
      const engine = createEngine({ ...connection, ...options });
      engines.push(engine);
      return engine;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(engines.map((engine) => engine.stop({ timeout: "2s" })));
      await wipeQueue();
      await database.drop();
    },
  };
}

async function deleteKeys(prefix: string): Promise<number> {
  await using redis = await testRedis();
  const client = redis.client();
  let deleted = 0;
  for await (const found of client.scanStream({ match: `*${prefix}*`, count: 1_000 })) {
    const keys = found as string[];
    if (keys.length > 0) deleted += await client.unlink(...keys);
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
