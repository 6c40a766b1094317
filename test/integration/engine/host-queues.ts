/** Queues of the host's own, of which the engine's option `queues` says where they are. */
import { runMigrations } from "bullmq";
import type { QueueOptions } from "../../../src/index.ts";
import type { Backend, BackendName } from "./backends.ts";

/** A hash tag, which a cluster needs, and which means nothing elsewhere. */
export const hostPrefix = ({ queuePrefix }: Backend): string => `{${queuePrefix}_host}`;

/** In a schema of its own, or under a prefix of its own. */
export async function hostQueues(name: BackendName, backend: Backend): Promise<Omit<QueueOptions, "allow">> {
  if (name === "postgres+redis") return { prefix: hostPrefix(backend) };
  const client = await backend.database.pool().connect();
  await runMigrations(client, "jobs");
  client.release();
  return { schema: "jobs" };
}

/** Names of the jobs that the engine has added. */
export async function hostJobs(backend: Backend): Promise<readonly unknown[]> {
  if (backend.connection.redis === undefined) {
    const jobs = await backend.database.query<{ name: string }>(
      "select name from jobs.job where id like 'flowforge-%'",
    );
    return jobs.map((job) => job.name);
  }
  const names = await backend.eachRedis(async (client) => {
    const keys = await client.keys(`${hostPrefix(backend)}:*:flowforge-*`);
    return Promise.all(keys.map((key) => client.hget(key, "name")));
  });
  return names.flat();
}
