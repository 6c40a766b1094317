/** A master with a replica, and three sentinels that watch over them, on free ports of 127.0.0.1. Two sentinels must agree to promote the replica. */
import { Redis } from "ioredis";
import { waitFor } from "../../src/postgres/embedded/postmaster.ts";
import type { TestServer } from "./postgres.ts";
import { startRedis } from "./redis.ts";

/** After so long without an answer a master counts as gone. */
const DOWN_AFTER_MS = 1_500;
const WAIT_MS = 60_000;
const NAME = "mymaster";

export interface RedisSentinels extends AsyncDisposable {
  /** As the engine's option `redis` and ioredis take it. */
  readonly connection: { readonly sentinels: { host: string; port: number }[]; readonly name: string };
  /** Both of them; which is the master, the sentinels say. */
  readonly servers: readonly TestServer[];
  /** The server that the sentinels take for the master. */
  master(): Promise<TestServer>;
  /** Kills the master; resolves with it when another one is in its place. */
  failOver(): Promise<TestServer>;
}

export async function startRedisSentinels(): Promise<RedisSentinels> {
  const started: TestServer[] = [];
  const up = async (server: Promise<TestServer>): Promise<TestServer> => {
    started.push(await server);
    return server;
  };
  const stop = async (): Promise<void> => void (await Promise.all(started.map((server) => server.stop())));
  try {
    const first = await up(startRedis());
    const second = await up(startRedis());
    await follow(second, first);
    const sentinel = (port: number): string => sentinelFile(port, first.port);
    const sentinels = await Promise.all([1, 2, 3].map(() => up(startRedis({ sentinel }))));
    const asked = new Redis(sentinels[0]!.url, { lazyConnect: true });
    asked.on("error", () => undefined);
    const facts = async (): Promise<Readonly<Record<string, string>>> => {
      const flat = (await asked.call("SENTINEL", "MASTER", NAME)) as readonly string[];
      return Object.fromEntries(flat.flatMap((key, n) => (n % 2 === 0 ? [[key, flat[n + 1]!]] : [])));
    };
    const isKnown = async (): Promise<boolean> => {
      const { "num-slaves": replicas, "num-other-sentinels": others } = await facts();
      return replicas === "1" && others === "2";
    };
    if (!(await waitFor(isKnown, WAIT_MS))) throw new Error("the sentinels do not find each other");
    const servers = [first, second];
    const master = async (): Promise<TestServer> => {
      const { port } = await facts();
      return servers.find((server) => server.port === Number(port))!;
    };
    return {
      connection: { sentinels: sentinels.map(({ port }) => ({ host: "127.0.0.1", port })), name: NAME },
      servers,
      master,
      async failOver() {
        const killed = await master();
        await killed.kill();
        const isReplaced = async (): Promise<boolean> => (await master()) !== killed;
        if (!(await waitFor(isReplaced, WAIT_MS))) throw new Error("no replica was promoted");
        return killed;
      },
      async [Symbol.asyncDispose]() {
        asked.disconnect();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Makes one the replica of another; after a restart the sentinels see to that. */
async function follow(replica: TestServer, master: TestServer): Promise<void> {
  const client = new Redis(replica.url);
  await client.replicaof("127.0.0.1", master.port);
  client.disconnect();
}

/** What the file of a sentinel says; it writes what it learns behind that. */
function sentinelFile(port: number, masterPort: number): string {
  return [
    `port ${port}`,
    "bind 127.0.0.1",
    `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${NAME} 10000`,
    `sentinel parallel-syncs ${NAME} 1`,
    "",
  ].join("\n");
}
