/** Queues of the host's own, of which the engine's option `queues` says where they are. */
import { runMigrations } from "bullmq";
import type { QueueOptions } from "../../../src/index.ts";
import { testRedis } from "../../support/servers.ts";
import type { Backend, BackendName } from "./backends.ts";

/** In a schema of its own, or under a prefix of its own. */
export async function hostQueues(
  name: BackendName,
  { database, queuePrefix }: Backend,
): Promise<Omit<QueueOptions, "allow">> {
  if (name === "postgres+redis") return { prefix: `${queuePrefix}_host` };
  const client = await database.pool().connect();
  await runMigrations(client, "jobs");
  client.release();
  return { schema: "jobs" };
}

/** Names of the jobs that the engine has added. */
export async function hostJobs({ database, queuePrefix, connection }: Backend): Promise<readonly unknown[]> {
  if (connection.redis === undefined) {
    const jobs = await database.query<{ name: string }>(
      "select name from jobs.job where id like 'flowforge-%'",
    );
    return jobs.map((job) => job.name);
  }
  await using redis = await testRedis();
  const client = redis.client();
  const keys = await client.keys(`${queuePrefix}_host:*:flowforge-*`);
  return Promise.all(keys.map((key) => client.hget(key, "name")));
}
