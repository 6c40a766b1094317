/** PostgreSQL and Redis in containers, where a Docker engine answers. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { GenericContainer, getContainerRuntimeClient, Wait, type StartedTestContainer } from "testcontainers";
import { waitFor } from "../../src/postgres/embedded/postmaster.ts";

export interface ContainerServer {
  readonly url: string;
  stop(): Promise<void>;
}

const START_MS: number = 120_000;

/** Whether there is an engine. Only this question may fail quietly. */
export async function engineAnswers(): Promise<boolean> {
  return getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
}

export async function startPostgresContainer(): Promise<ContainerServer> {
  const image = process.env["FLOWFORGE_TEST_POSTGRES_IMAGE"] ?? "postgres:18";
  const password = randomBytes(12).toString("hex");
  const container = await new GenericContainer(image)
    .withEnvironment({ POSTGRES_PASSWORD: password })
    .withExposedPorts(5432)
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/))
    .withStartupTimeout(START_MS)
    .start();
  const url = `postgres://postgres:${password}@${address(container, 5432)}/postgres`;
  // The official image restarts the server once after it has made its data folder, so the log line is not enough.
  if (!(await waitFor(() => takesQueries(url), START_MS))) {
    await container.stop();
    throw new Error(`PostgreSQL in ${image} takes no queries`);
  }
  return { url, stop: async () => void (await container.stop()) };
}

export async function startRedisContainer(): Promise<ContainerServer> {
  const image = process.env["FLOWFORGE_TEST_REDIS_IMAGE"] ?? "redis:7";
  const container = await new GenericContainer(image)
    .withExposedPorts(6379)
    .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
    .withStartupTimeout(START_MS)
    .start();
  return { url: `redis://${address(container, 6379)}`, stop: async () => void (await container.stop()) };
}

function address(container: StartedTestContainer, port: number): string {
  return `${container.getHost()}:${container.getMappedPort(port)}`;
}

async function takesQueries(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("select 1");
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
