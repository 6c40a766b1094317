/** Adds jobs to queues of the host's on PostgreSQL. The host migrates their schema. */
import {
  assertSchemaCompatibility,
  PostgresQueueBackend,
  SchemaMigrationRequiredError,
  SchemaVersionMismatchError,
} from "bullmq";
import { FlowForgeError } from "../core/errors.ts";
import { errorCode, isConnectionError, unreachable } from "../postgres-connection/failures.ts";
import { ownSettings, targetOf, type Connection } from "../postgres-connection/own-settings.ts";
import { isMissing } from "./postgres-set-up.ts";
import { withOptions } from "./postgres-transport.ts";
import { QueueConnection } from "./queue-connection.ts";
import type { Producer } from "./transport.ts";

export interface PostgresProducerOptions {
  readonly postgres: Connection;
  readonly schema: string;
  readonly onError: (error: unknown) => void;
}

const CONNECTIONS = 2;
const ANSWER_MS = 2_000;
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** Commits are as durable as the server makes them: a job of the host's is no doorbell that somebody would ring again. */
export function postgresProducer({ postgres, schema, onError }: PostgresProducerOptions): Producer {
  const settings = withOptions(ownSettings(postgres));
  const target = targetOf(settings);
  let connection: QueueConnection | null = null;
  return {
    prefix: "bull",
    factory: (name, opts) =>
      new PostgresQueueBackend(connection!, name, { ...opts, connection: schema }, false),
    async open() {
      const opened = new QueueConnection({ settings, schema, max: CONNECTIONS, answerMs: ANSWER_MS });
      opened.on("error", onError);
      try {
        await assertSchemaCompatibility(opened.pool, schema);
      } catch (error) {
        await opened.close().catch(onError);
        throw refusalOf(error, { target, schema });
      }
      connection = opened;
    },
    refused: (cause) => refusalOf(cause, { target, schema }),
    close: async () => connection?.close(),
  };
}

function refusalOf(
  cause: unknown,
  { target, schema }: { readonly target: string; readonly schema: string },
): unknown {
  const subject = `PostgreSQL at ${target}, the schema "${schema}" of the host's queues`;
  if (cause instanceof SchemaVersionMismatchError)
    return new FlowForgeError("schema_too_new", { subject, next: "Upgrade bullmq beside FlowForge.", cause });
  // What the server says of a job is for whoever reads its SQLSTATE: it may be the job's fault.
  if (!(cause instanceof SchemaMigrationRequiredError) && !isMissing(cause))
    return SQLSTATE.test(errorCode(cause)) && !isConnectionError(cause) ? cause : unreachable(target, cause);
  const next =
    "Let the host create it with BullMQ's runMigrations(), or name the right one in the option queues.schema.";
  return new FlowForgeError("schema_outdated", { subject, next, cause });
}
