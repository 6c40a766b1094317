/**
 * A real Redis Cluster for tests: masters and replicas on free ports of 127.0.0.1, whose slots can be moved and whose masters can be
 * killed. It is put together as `redis-cli --cluster create` does it.
 */
import { Cluster, Redis } from "ioredis";
import { freePort } from "../../src/postgres/embedded/cluster.ts";
import { waitFor } from "../../src/postgres/embedded/postmaster.ts";
import type { TestServer } from "./postgres.ts";
import { startRedis } from "./redis.ts";

const SLOTS = 16_384;
/** After so long without an answer a master counts as gone. A busy machine may well be silent for a second. */
const NODE_TIMEOUT_MS = 3_000;
const WAIT_MS = 60_000;

export interface RedisClusterOptions {
  /** Default 3, which is the least that can vote for a replica. */
  readonly masters?: number;
  /** Of each master. Default 1. */
  readonly replicas?: number;
}

/** A server of the cluster, and a client that talks to it alone. */
export interface ClusterMember extends TestServer {
  readonly client: Redis;
  readonly id: string;
}

export class RedisCluster implements AsyncDisposable {
  readonly members: readonly ClusterMember[];

  constructor(members: readonly ClusterMember[]) {
    this.members = members;
  }

  /** Addresses of all its nodes, as the engine's option `redis` and ioredis take them. */
  get nodes(): { host: string; port: number }[] {
    return this.members.map(({ port }) => ({ host: "127.0.0.1", port }));
  }

  /** A client of the whole cluster, which the caller disconnects. */
  client(): Cluster {
    const client = new Cluster(this.nodes);
    client.on("error", () => undefined);
    return client;
  }

  /** The slot of the keys of this lane. */
  async slotOf(lane: string): Promise<number> {
    return Number(await this.#alive().client.cluster("KEYSLOT", `{${lane}}`));
  }

  /** The master that has the slot by the word of another one, so not of a master that nobody else takes for one any more. */
  async masterOf(slot: number, asked: ClusterMember = this.#alive()): Promise<ClusterMember> {
    const ranges = await asked.client.cluster("SLOTS");
    const port = ranges.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[1];
    const member = this.members.find((one) => one.port === port);
    if (member) return member;
    throw new Error(`nobody has slot ${slot}`);
  }

  async masters(): Promise<readonly ClusterMember[]> {
    const ranges = await this.#alive().client.cluster("SLOTS");
    const ports = new Set(ranges.map((range) => range[2]?.[1]));
    return this.members.filter(({ port }) => ports.has(port));
  }

  /** Moves a slot with all its keys while clients go on, as `redis-cli --cluster reshard` does it. Gives the number of keys. */
  async move(slot: number, target: ClusterMember): Promise<number> {
    const source = await this.masterOf(slot, target);
    if (source === target) return 0;
    await target.client.cluster("SETSLOT", slot, "IMPORTING", source.id);
    await source.client.cluster("SETSLOT", slot, "MIGRATING", target.id);
    let moved = 0;
    for (;;) {
      const keys = (await source.client.cluster("GETKEYSINSLOT", slot, 20)) as string[];
      if (keys.length === 0) break;
      await source.client.call("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "KEYS", ...keys);
      moved += keys.length;
    }
    // The target first: between the two the source would send everybody to a node that refuses them.
    for (const { client } of [target, source]) await client.cluster("SETSLOT", slot, "NODE", target.id);
    return moved;
  }

  async flush(): Promise<void> {
    for (const { client } of await this.masters()) await client.flushall();
  }

  /** Kills the slot's master and waits until its replica has taken over. Gives the one that was killed. */
  async failOver(slot: number): Promise<ClusterMember> {
    const master = await this.masterOf(slot);
    const witness = (await this.masters()).find((one) => one !== master)!;
    await master.kill();
    const isTaken = async (): Promise<boolean> => (await this.masterOf(slot, witness)) !== master;
    if (!(await waitFor(isTaken, WAIT_MS))) throw new Error(`no replica took over slot ${slot}`);
    return master;
  }

  #alive(): ClusterMember {
    return this.members.find(({ client }) => client.status === "ready") ?? this.members[0]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.members) client.disconnect();
    await Promise.all(this.members.map((member) => member.stop()));
  }
}

/** Throws with what to install where there is no Redis. Takes about three seconds. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicas = 1 } = options;
  const settled = await Promise.allSettled(
    Array.from({ length: masters * (1 + replicas) }, () => startMember()),
  );
  const members = settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const cluster = new RedisCluster(members);
  try {
    const broken = settled.find((result) => result.status === "rejected");
    if (broken) throw broken.reason;
    await assemble(members, masters);
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

async function startMember(): Promise<ClusterMember> {
  const settings = {
    "cluster-enabled": "yes",
    "cluster-config-file": "nodes.conf",
    "cluster-node-timeout": String(NODE_TIMEOUT_MS),
    // By default 10,000 more than the port, which a port of the system's choice may not have room for.
    "cluster-port": String(await freePort()),
    // A replica may take over however long ago it last heard of its master.
    "cluster-replica-validity-factor": "0",
    "repl-diskless-sync-delay": "0",
  };
  const server = await startRedis({ settings });
  const client = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 100 });
  client.on("error", () => undefined);
  const id = String(await client.cluster("MYID"));
  // Not spread: the pid changes with a restart.
  return Object.assign(Object.create(server) as TestServer, { client, id });
}

async function assemble(members: readonly ClusterMember[], masters: number): Promise<void> {
  const [first, ...others] = members;
  for (const [index, { client }] of members.entries()) {
    await client.cluster("SET-CONFIG-EPOCH", index + 1);
    if (index >= masters) continue;
    const from = Math.floor((index * SLOTS) / masters);
    const to = Math.floor(((index + 1) * SLOTS) / masters) - 1;
    await client.call("CLUSTER", "ADDSLOTSRANGE", from, to);
  }
  for (const other of others) {
    await other.client.call("CLUSTER", "MEET", "127.0.0.1", first!.port, await busPort(first!));
  }
  await all(members, "know each other", async ({ client }) => {
    const info = String(await client.cluster("INFO"));
    return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${members.length}`);
  });
  for (const [index, { client }] of members.slice(masters).entries())
    await client.cluster("REPLICATE", members[index % masters]!.id);
  await all(members.slice(masters), "follow their masters", async ({ client }) =>
    String(await client.info("replication")).includes("master_link_status:up"),
  );
  await all(members, "have heard of the replicas", async ({ client }) => {
    const nodes = String(await client.cluster("NODES")).split("\n");
    return nodes.filter((line) => / (myself,)?slave /.test(line)).length === members.length - masters;
  });
}

async function busPort({ client }: ClusterMember): Promise<number> {
  const answer = await client.config("GET", "cluster-port");
  return Number((answer as string[])[1]);
}

async function all(
  members: readonly ClusterMember[],
  what: string,
  holds: (member: ClusterMember) => Promise<boolean>,
): Promise<void> {
  for (const member of members)
    if (!(await waitFor(() => holds(member), WAIT_MS))) throw new Error(`nodes do not ${what}`);
}
