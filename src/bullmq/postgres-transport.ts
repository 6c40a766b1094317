/**
 * BullMQ on PostgreSQL. Its tables live in a schema of their own (`<prefix>_queue`) and are migrated by its own migrations. A pool
 * that the host lends gives its settings and none of its connections: BullMQ's need a `search_path` of their own, and one of
 * each consumer's listens for ever.
 */
import {
  PostgresConnection,
  PostgresQueueBackend,
  runMigrations,
  SchemaVersionMismatchError,
  UnsupportedPostgresVersionError,
  type PostgresPoolConfig,
} from "bullmq";
import pg from "pg";
import type { PoolConfig } from "pg";
import { FlowForgeError } from "../core/errors.ts";
import type { LaneDepth } from "../core/ports/scheduler.ts";
import { unpackTask } from "../core/task.ts";
import { unreachable } from "../postgres/failures.ts";
import { ownSettings, targetOf } from "../postgres/own-settings.ts";
import type { Connection } from "../postgres/pool.ts";
import type { ConsumerConnections, Factory, Transport } from "./transport.ts";

export interface PostgresTransportOptions {
  readonly postgres: Connection;
  readonly prefix: string;
  readonly onError: (error: unknown) => void;
}

const PRODUCER_CONNECTIONS = 2;
const CONSUMER_CONNECTIONS = 4;
const HASTY_MS = 2_000;
const PATIENT_MS = 30_000;
/** The doorbell need not be durable: what a crash of the server takes away is found by the sweeper. */
const SETTINGS = "-c synchronous_commit=off";

const DEPTH = `select
  (select count(*) from job where queue = $1 and state = 'waiting')::int as waiting,
  (select count(*) from job where queue = $1 and state = 'active')::int as active,
  (select data from job where queue = $1 and state = 'waiting' order by priority, seq limit 1) as oldest`;

export function postgresTransport({ postgres, prefix, onError }: PostgresTransportOptions): Transport {
  const schema = schemaName(prefix);
  const settings = withOptions(ownSettings(postgres));
  const target = targetOf(settings);
  const connect = (max: number, answerMs: number): PostgresConnection => {
    const timeouts = { connectionTimeoutMillis: Math.min(answerMs, 10_000), query_timeout: answerMs };
    const config = { ...settings, ...timeouts, max, schema, idleTimeoutMillis: 0 };
    const connection = new PostgresConnection(config as PostgresPoolConfig);
    connection.on("error", onError);
    return connection;
  };
  let producer: PostgresConnection | undefined;
  const ask = async (text: string, values: unknown[] = []): Promise<readonly unknown[]> => {
    producer ??= connect(PRODUCER_CONNECTIONS, HASTY_MS);
    return (await producer.pool.query(text, values)).rows;
  };
  return {
    target,
    prefix,
    queueName: (lane) => `${prefix}.${lane}`,
    producer: (name, opts) => {
      producer ??= connect(PRODUCER_CONNECTIONS, HASTY_MS);
      return new PostgresQueueBackend(producer, name, { ...opts, connection: schema }, false);
    },
    open: () => setUp({ settings, schema, target }),
    consumer: () => consumerConnections(connect(CONSUMER_CONNECTIONS, PATIENT_MS)),
    async depth(lane): Promise<LaneDepth> {
      const [row] = (await ask(DEPTH, [`${prefix}.${lane}`])) as readonly {
        waiting: number;
        active: number;
        oldest: unknown;
      }[];
      const oldest = row ? unpackTask(row.oldest, lane) : null;
      return { waiting: row?.waiting ?? 0, active: row?.active ?? 0, oldest: oldest?.dispatchedAt ?? null };
    },
    mark: async () =>
      (await ask("insert into flowforge_epoch values (1) on conflict do nothing returning id")).length === 0,
    unreachable: (cause) => unreachable(target, cause),
    close: async () => producer?.close(),
  };
}

function consumerConnections(connection: PostgresConnection): ConsumerConnections {
  let backend: PostgresQueueBackend | undefined;
  const factory: Factory = (name, opts) =>
    (backend = new PostgresQueueBackend(connection, name, { ...opts, connection: "" }));
  return {
    factory,
    barrier: () => connection.pool.query("select 1"),
    async drop() {
      await backend?.disconnectBlocking();
      await connection.close();
    },
  };
}

interface SetUp {
  readonly settings: PoolConfig;
  readonly schema: string;
  readonly target: string;
}

async function setUp({ settings, schema, target }: SetUp): Promise<void> {
  const client = new pg.Client({ ...settings, connectionTimeoutMillis: 5_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw unreachable(target, error);
  }
  try {
    await runMigrations(client, schema);
    // In one message, so one transaction; the lock because `if not exists` alone is no protection against a twin.
    await client.query(
      `select pg_advisory_xact_lock(hashtext('${schema}.flowforge_epoch'));
       create table if not exists "${schema}".flowforge_epoch (id int primary key, made_at timestamptz not null default now())`,
    );
  } catch (error) {
    throw serverError(target, error);
  } finally {
    await client.end();
  }
}

function serverError(target: string, error: unknown): unknown {
  const subject = `PostgreSQL at ${target}`;
  if (error instanceof UnsupportedPostgresVersionError) {
    const received = error.serverVersion;
    return new FlowForgeError("postgres_too_old", {
      subject,
      received,
      next: "Upgrade the server.",
      cause: error,
    });
  }
  if (error instanceof SchemaVersionMismatchError) {
    const next = "Upgrade FlowForge, or choose another queuePrefix.";
    return new FlowForgeError("schema_too_new", {
      subject: `${subject}, tables of the queue`,
      next,
      cause: error,
    });
  }
  return error;
}

function schemaName(prefix: string): string {
  const schema = `${prefix}_queue`;
  if (/^[A-Za-z_][A-Za-z0-9_$]*$/.test(schema) && schema.length <= 63 && !schema.startsWith("pg_"))
    return schema;
  throw new FlowForgeError("option_invalid", {
    subject: 'option "queuePrefix"',
    expected: "at most 57 letters, digits and underscores, not beginning with a digit",
    received: JSON.stringify(prefix.slice(0, 80)),
    next: "Choose another prefix: it names the PostgreSQL schema of the queue.",
  });
}

/** `options` of a connection string would win over the `search_path` that BullMQ puts there, so it is moved beside it. */
function withOptions(config: PoolConfig): PoolConfig {
  const { connectionString, options } = config;
  const all = (given: string | null | undefined): string => (given ? `${given} ${SETTINGS}` : SETTINGS);
  if (connectionString === undefined || !/[?&]options=/.test(connectionString))
    return { ...config, options: all(options) };
  const url = new URL(connectionString);
  const given = url.searchParams.get("options");
  url.searchParams.delete("options");
  return { ...config, connectionString: url.href, options: all(given) };
}
