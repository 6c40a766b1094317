/** Makes the store, the scheduler and the notifier that the options ask for. Adapters are loaded only here, when they are needed. */
import type { Buckets, TokenAsk } from "../core/ports/allowances.ts";
import type { Outbound } from "../core/definition/outbound.ts";
import type { DefinitionCache } from "../core/ports/definition-cache.ts";
import type { HostQueues } from "../core/ports/host-queues.ts";
import type { LeaseKeeper } from "../core/ports/lease-keeper.ts";
import type { LogStore } from "../core/ports/logs.ts";
import type { Notifier } from "../core/ports/notifier.ts";
import type { Scheduler } from "../core/ports/scheduler.ts";
import type { StatisticsStore } from "../core/ports/statistics.ts";
import type { Store } from "../core/ports/store.ts";
import { Vault } from "../security/vault/vault.ts";
import type { HostTransactions } from "../postgres/host-transactions.ts";
import type { OutboundHttp } from "../security/outbound/guarded-fetch.ts";
import type { CodeRunner, Sandbox } from "../security/sandbox/sandbox.ts";
import type { OpenTelemetry } from "../observability/open-telemetry.ts";
import type { Outgoing } from "../worker/outgoing.ts";
import { hostDoor } from "./host-door.ts";
import type { ParsedOptions } from "./options.ts";
import type { RedisBuckets } from "../redis/buckets.ts";
import type { RedisDefinitions } from "../redis/definitions.ts";
import { SecondBuckets } from "../worker/admission/second-buckets.ts";
import { ownServers } from "./own-servers.ts";

export interface Connections {
  readonly store: Store;
  readonly statistics: StatisticsStore;
  readonly logs: LogStore;
  /** `null`: the host wants none. */
  readonly telemetry: OpenTelemetry | null;
  /** Of the store's own database. */
  readonly transactions: HostTransactions;
  readonly scheduler: Scheduler;
  /** Of workspaces with a rate. */
  readonly buckets: Buckets;
  /** `null`: there is no Redis. */
  readonly definitions: DefinitionCache | null;
  readonly notifier: Notifier;
  readonly leaseKeeper: LeaseKeeper | null;
  /** For calls that workflows make. */
  readonly outbound: Outbound;
  readonly sandbox: CodeRunner;
  /** To queues of the host's own. */
  readonly addJob: Outgoing["addJob"];
  /** `null`: the engine has no encryption key. */
  readonly vault: Vault | null;
  /** Creates or upgrades the schema. */
  migrate(): Promise<void>;
  /** Throws `schema_outdated` where the schema is missing or older than this code. */
  assertMigrated(): Promise<void>;
  /** Closes what was opened here, in reverse order; never what was passed in. */
  close(): Promise<void>;
}

/** Opens everything, or nothing: what was opened before an error is closed again. */
export type Connect = (options: ParsedOptions) => Promise<Connections>;

export const connect: Connect = async (options) => {
  const opened: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of opened.splice(0).reverse()) await closer();
  };
  try {
    const telemetry = options.telemetry ? await openTelemetry() : null;
    const postgres = options.postgres ?? (await embedded(options, opened));
    const store = await openStore(options, postgres, opened);
    const scheduler = await openScheduler(options, postgres, opened);
    const notifier = await openNotifier(options, postgres, opened);
    const leaseKeeper = await openLeaseKeeper(options, postgres, opened);
    return {
      store,
      statistics: store.statistics,
      logs: store.logs,
      telemetry,
      transactions: store.hostTransactions,
      scheduler,
      buckets: openBuckets(options, store, opened),
      definitions: openDefinitions(options, opened),
      notifier,
      leaseKeeper,
      outbound: openOutbound(options, postgres, opened),
      sandbox: openSandbox(options, opened),
      addJob: hostDoor(options.queues, openHostQueues(options, postgres, opened)),
      vault: options.encryption && new Vault(store.credentials, options.encryption),
      migrate: () => store.migrate(),
      assertMigrated: () => store.assertMigrated(),
      close,
    };
  } catch (error) {
    await close().catch((closing: unknown) =>
      options.logger.warn({ error: closing }, "closing after a failed start failed"),
    );
    throw error;
  }
};

async function openTelemetry(): Promise<OpenTelemetry> {
  const { loadOpenTelemetry } = await import("../observability/open-telemetry.ts");
  return loadOpenTelemetry();
}

type Postgres = NonNullable<ParsedOptions["postgres"]>;
type Opened = (() => Promise<void>)[];

async function embedded({ dataDir, logger }: ParsedOptions, opened: Opened): Promise<Postgres> {
  const { startEmbeddedPostgres } = await import("../postgres/embedded/server.ts");
  const server = await startEmbeddedPostgres({ logger, ...(dataDir === null ? {} : { dataDir }) });
  opened.push(() => server.stop());
  return server.connectionString;
}

async function openStore({ schema, logger }: ParsedOptions, postgres: Postgres, opened: Opened) {
  const { createPostgresStore } = await import("../postgres/store.ts");
  const store = createPostgresStore({ postgres, schema, logger });
  opened.push(() => store.close());
  await store.open();
  return store;
}

/** Made with the first call: most engines of API servers never make one. */
function openOutbound({ http, redis, queues }: ParsedOptions, postgres: Postgres, opened: Opened): Outbound {
  let outbound: Promise<OutboundHttp> | null = null;
  const make = async (): Promise<OutboundHttp> => {
    const guarded = await import("../security/outbound/guarded-fetch.ts");
    return new guarded.OutboundHttp({
      rules: http,
      ownServers: ownServers(postgres, redis, queues?.redis ?? null),
    });
  };
  opened.push(async () => (await outbound)?.close());
  return {
    fetch: async (input, init) => (await (outbound ??= make())).fetch(input, init),
    connect: async (target) => (await (outbound ??= make())).connect(target),
  };
}

/** Loaded with the first code that runs. */
function openSandbox({ sandbox }: ParsedOptions, opened: Opened): CodeRunner {
  let made: Promise<Sandbox> | null = null;
  const make = async (): Promise<Sandbox> =>
    new (await import("../security/sandbox/sandbox.ts")).Sandbox(sandbox);
  opened.push(async () => (await made)?.close());
  return { run: async (request, owner) => (await (made ??= make())).run(request, owner) };
}

/** Connected with the first job that is added. */
function openHostQueues({ queues, logger }: ParsedOptions, postgres: Postgres, opened: Opened): HostQueues {
  let made: Promise<HostQueues> | null = null;
  const make = async (): Promise<HostQueues> => {
    const { createHostQueues } = await import("../bullmq/host-queues.ts");
    const { redis, prefix, schema } = queues!;
    return createHostQueues(redis === null ? { postgres, schema } : { redis, prefix }, { logger });
  };
  const close = async (): Promise<void> => (await made)?.close();
  opened.push(close);
  return { close, add: async (job) => (await (made ??= make())).add(job) };
}

async function openScheduler(options: ParsedOptions, postgres: Postgres, opened: Opened): Promise<Scheduler> {
  const { createBullmqScheduler } = await import("../bullmq/scheduler.ts");
  const { queuePrefix: prefix, lanes, logger, allowEviction } = options;
  const backend = options.redis === null ? { postgres } : { redis: options.redis };
  const scheduler = createBullmqScheduler(backend, { prefix, lanes, logger, allowEviction });
  opened.push(() => scheduler.close());
  await scheduler.open();
  return scheduler;
}

async function openLeaseKeeper(
  { schema, leaseMs, logger }: ParsedOptions,
  postgres: Postgres,
  opened: Opened,
): Promise<LeaseKeeper> {
  const { createLeaseKeeper } = await import("../postgres/lease-keeper.ts");
  const keeper = createLeaseKeeper({ postgres, schema, leaseMs, logger });
  opened.push(() => keeper.close());
  return keeper;
}

/** Loaded with the first bucket that is asked. */
function openBuckets({ redis, queuePrefix, logger }: ParsedOptions, store: Store, opened: Opened): Buckets {
  if (redis === null) return store.buckets;
  let made: Promise<RedisBuckets> | null = null;
  const make = async (): Promise<RedisBuckets> => {
    const { createRedisBuckets } = await import("../redis/buckets.ts");
    const onError = (error: Error): void =>
      logger.debug({ error }, "the connection of the buckets reports an error");
    return createRedisBuckets({ redis, prefix: queuePrefix, onError });
  };
  opened.push(async () => (await made)?.close());
  const first = { take: async (asks: readonly TokenAsk[]) => (await (made ??= make())).take(asks) };
  return new SecondBuckets({ first, second: store.buckets, logger });
}

/** Loaded with the first definition that is asked for. */
function openDefinitions(
  { redis, queuePrefix, logger }: ParsedOptions,
  opened: Opened,
): DefinitionCache | null {
  if (redis === null) return null;
  let made: Promise<RedisDefinitions> | null = null;
  const make = async (): Promise<RedisDefinitions> => {
    const { createRedisDefinitions } = await import("../redis/definitions.ts");
    const onError = (error: Error): void =>
      logger.debug({ error }, "the connection of the definitions reports an error");
    return createRedisDefinitions({ redis, prefix: queuePrefix, onError });
  };
  opened.push(async () => (await made)?.close());
  return {
    read: async (...asked) => (await (made ??= make())).read(...asked),
    write: async (...told) => (await (made ??= make())).write(...told),
    forget: async (workspace) => (await (made ??= make())).forget(workspace),
  };
}

async function openNotifier(options: ParsedOptions, postgres: Postgres, opened: Opened): Promise<Notifier> {
  const notifier = await makeNotifier(options, postgres);
  opened.push(() => notifier.close());
  await notifier.open();
  return notifier;
}

async function makeNotifier(
  { redis, queuePrefix: prefix, logger }: ParsedOptions,
  postgres: Postgres,
): Promise<Notifier> {
  if (redis !== null) {
    const { createRedisNotifier } = await import("../redis/redis-notifier.ts");
    return createRedisNotifier({ redis, prefix, logger });
  }
  const { createPostgresNotifier } = await import("../postgres/postgres-notifier.ts");
  return createPostgresNotifier({ postgres, prefix, logger });
}
