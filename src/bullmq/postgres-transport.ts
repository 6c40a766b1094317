/**
 * BullMQ on PostgreSQL. Its tables live in a schema of their own (`<prefix>_queue`) and are migrated by its own migrations. A pool
 * that the host lends gives its settings and none of its connections: BullMQ's need a `search_path` of their own, and one of
 * each consumer's listens for ever.
 */
import { PostgresQueueBackend } from "bullmq";
import type { PoolConfig } from "pg";
import { FlowForgeError } from "../core/errors.ts";
import type { LaneDepth } from "../core/ports/scheduler.ts";
import { unpackTask } from "../core/task.ts";
import { errorCode, unreachable } from "../postgres-connection/failures.ts";
import { ownSettings, targetOf, type Connection } from "../postgres-connection/own-settings.ts";
import { isMissing, setUpQueue } from "./postgres-set-up.ts";
import { QueueConnection } from "./queue-connection.ts";
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
/**
 * The doorbell need not be durable: what a crash of the server takes away is found by the sweeper. The tables themselves must be
 * (`setUpQueue`): a crash right after they were made would leave a queue that answers nothing for as long as this process lives.
 */
const SETTINGS = "-c synchronous_commit=off";

const DEPTH = `select
  (select count(*) from job where queue = $1 and state = 'waiting')::int as waiting,
  (select count(*) from job where queue = $1 and state = 'active')::int as active,
  (select data from job where queue = $1 and state = 'waiting' order by priority, seq limit 1) as oldest`;

export function postgresTransport({ postgres, prefix, onError }: PostgresTransportOptions): Transport {
  const schema = schemaName(prefix);
  const settings = withOptions(ownSettings(postgres), SETTINGS);
  const target = targetOf(settings);
  const connect = (max: number, answerMs: number): QueueConnection => {
    const connection = new QueueConnection({ settings, schema, max, answerMs });
    connection.on("error", onError);
    return connection;
  };
  let producer: QueueConnection | undefined;
  const ask = async (text: string, values: unknown[] = []): Promise<readonly unknown[]> => {
    producer ??= connect(PRODUCER_CONNECTIONS, HASTY_MS);
    return (await producer.pool.query(text, values)).rows;
  };
  const mark = async (): Promise<boolean> =>
    (await ask("insert into flowforge_epoch values (1) on conflict do nothing returning id")).length === 0;
  return {
    target,
    prefix,
    queueName: (lane) => `${prefix}.${lane}`,
    producer: (name, opts) => {
      producer ??= connect(PRODUCER_CONNECTIONS, HASTY_MS);
      return new PostgresQueueBackend(producer, name, { ...opts, connection: schema }, false);
    },
    open: () => setUpQueue({ settings, schema, target }),
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
    async mark() {
      try {
        return await mark();
      } catch (error) {
        if (!isMissing(error)) throw error;
        // Somebody dropped the schema, or the server came back as an older copy of itself: to PostgreSQL what FLUSHALL is to Redis.
        await setUpQueue({ settings, schema, target });
        await mark();
        return false;
      }
    },
    unreachable: (cause) =>
      isMissing(cause) ? schemaMissing(target, schema, cause) : unreachable(target, cause),
    close: async () => producer?.close(),
  };
}

function consumerConnections(connection: QueueConnection): ConsumerConnections {
  let backend: PostgresQueueBackend | undefined;
  const factory: Factory = (name, opts) =>
    (backend = new PostgresQueueBackend(connection, name, { ...opts, connection: "" }));
  return {
    factory,
    ping: () => connection.pool.query("select 1"),
    async drop() {
      await backend?.disconnectBlocking();
      await connection.close();
    },
  };
}

function schemaMissing(target: string, schema: string, cause: unknown): FlowForgeError {
  return new FlowForgeError("schema_outdated", {
    subject: `PostgreSQL at ${target}, tables of the queue`,
    expected: `the schema "${schema}"`,
    received: errorCode(cause),
    next: "A running worker makes it again within seconds; without one, start the engine again.",
    cause,
  });
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
export function withOptions(config: PoolConfig, more = ""): PoolConfig {
  const { connectionString, options } = config;
  const all = (given: string | null | undefined): string => [given, more].filter(Boolean).join(" ");
  if (connectionString === undefined || !/[?&]options=/.test(connectionString))
    return { ...config, options: all(options) };
  const url = new URL(connectionString);
  const given = url.searchParams.get("options");
  url.searchParams.delete("options");
  return { ...config, connectionString: url.href, options: all(given) };
}
