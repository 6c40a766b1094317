/**
 * Finds one PostgreSQL and one Redis for a test run and names them in `FLOWFORGE_TEST_DATABASE_URL` and
 * `FLOWFORGE_TEST_REDIS_URL`, for this process and all its children. In this order, each for itself:
 *
 * 1. the address in that variable;
 * 2. containers, when a Docker engine answers (images: `FLOWFORGE_TEST_POSTGRES_IMAGE`, `FLOWFORGE_TEST_REDIS_IMAGE`). Only
 *    an engine that does not answer leads on to 3; a container that does not start is a failure of the run;
 * 3. local servers on free ports in temporary folders; `FLOWFORGE_TEST_SERVICES=local` begins here.
 */
import { startPostgres, type TestServer } from "./postgres.ts";
import type * as containersModule from "./containers.ts";
import { NO_REDIS, redisProgram, startRedis } from "./redis.ts";

export interface ProvidedServers extends AsyncDisposable {
  readonly databaseUrl: string;
  /** `null`: there is none to be had here. */
  readonly redisUrl: string | null;
  /** Stops what was started. */
  stop(): Promise<void>;
}

export type Source = "address" | "containers" | "local" | "none";

interface Provided {
  readonly url: string;
  readonly source: Source;
  stop(): Promise<void>;
}

export async function provideServers(): Promise<ProvidedServers> {
  const containers = await containersWanted();
  const results = await Promise.allSettled([
    provided("FLOWFORGE_TEST_DATABASE_URL", containers?.startPostgresContainer ?? startPostgres, containers),
    provided("FLOWFORGE_TEST_REDIS_URL", containers?.startRedisContainer ?? localRedis, containers),
  ]);
  const started = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const stop = async (): Promise<void> => void (await Promise.all(started.map((one) => one.stop())));
  const broken = results.find((result) => result.status === "rejected");
  const [database, redis] = started;
  if (broken !== undefined || database === undefined || redis === undefined) {
    await stop();
    throw broken?.reason;
  }
  process.env["FLOWFORGE_TEST_DATABASE_URL"] = database.url;
  process.env["FLOWFORGE_TEST_POSTGRES_SOURCE"] = database.source;
  process.env["FLOWFORGE_TEST_REDIS_URL"] = redis.url;
  if (redis.source === "none") {
    console.error(
      `\n!!!! ${NO_REDIS} The suites that need Redis are NOT RUN (with CI set they fail). !!!!\n`,
    );
  }
  return {
    databaseUrl: database.url,
    redisUrl: redis.source === "none" ? null : redis.url,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

type Containers = typeof containersModule;

async function containersWanted(): Promise<Containers | undefined> {
  const given = process.env["FLOWFORGE_TEST_DATABASE_URL"] && process.env["FLOWFORGE_TEST_REDIS_URL"];
  if (given || process.env["FLOWFORGE_TEST_SERVICES"] === "local") return undefined;
  const containers = await import("./containers.ts");
  return (await containers.engineAnswers()) ? containers : undefined;
}

async function provided(
  variable: string,
  start: () => Promise<Pick<TestServer, "url" | "stop"> | undefined>,
  containers: Containers | undefined,
): Promise<Provided> {
  const address = process.env[variable];
  if (address !== undefined && address !== "")
    return { url: address, source: "address", stop: async () => undefined };
  const server = await start();
  if (server === undefined) return { url: "", source: "none", stop: async () => undefined };
  return {
    url: server.url,
    source: containers === undefined ? "local" : "containers",
    stop: () => server.stop(),
  };
}

async function localRedis(): Promise<TestServer | undefined> {
  return (await redisProgram()) === undefined ? undefined : startRedis();
}
