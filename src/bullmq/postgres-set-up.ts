/**
 * The queue's tables on PostgreSQL. A role that may not create anything finds them there and changes nothing; whoever may makes them,
 * however many do so at once.
 */
import {
  assertSchemaCompatibility,
  LATEST_SCHEMA_VERSION,
  runMigrations,
  SchemaMigrationRequiredError,
  SchemaVersionMismatchError,
  UnsupportedPostgresVersionError,
} from "bullmq";
import type { PoolConfig } from "pg";
import { FlowForgeError } from "../core/errors.ts";
import { errorCode, isConnectionError, unreachable } from "../postgres-connection/failures.ts";
import { SteadyClient } from "../postgres-connection/steady-client.ts";

const CONNECT_MS = 5_000;
const ANSWER_MS = 30_000;
const FORBIDDEN = "42501";

export interface QueueSetUp {
  readonly settings: PoolConfig;
  readonly schema: string;
  readonly target: string;
}

/** Throws `postgres_unreachable`, `postgres_too_old`, `schema_too_new`, and `schema_outdated` where this role may not do what is missing. */
export async function setUpQueue({ settings, schema, target }: QueueSetUp): Promise<void> {
  const timeouts = { connectionTimeoutMillis: CONNECT_MS, query_timeout: ANSWER_MS };
  const client = new SteadyClient({ ...settings, ...timeouts });
  try {
    await client.connect();
  } catch (error) {
    throw unreachable(target, error);
  }
  try {
    if (await isSetUp(client, schema)) return;
    await client.query("set synchronous_commit = on");
    await runMigrations(client, schema);
    // In one message, so one transaction; the lock because `if not exists` alone is no protection against a twin.
    await client.query(
      `select pg_advisory_xact_lock(hashtext('${schema}.flowforge_epoch'));
       create table if not exists "${schema}".flowforge_epoch (id int primary key, made_at timestamptz not null default now())`,
    );
  } catch (error) {
    throw serverError(error, { target, schema });
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** One read, without locks. */
async function isSetUp(client: SteadyClient, schema: string): Promise<boolean> {
  try {
    if ((await assertSchemaCompatibility(client, schema)) < LATEST_SCHEMA_VERSION) return false;
  } catch (error) {
    if (error instanceof SchemaMigrationRequiredError || isMissing(error)) return false;
    throw error;
  }
  const epoch = `select to_regclass('"${schema}".flowforge_epoch') is not null as there`;
  return (await client.query<{ there: boolean }>(epoch)).rows[0]?.there === true;
}

/** No such table, function or schema. */
export function isMissing(error: unknown): boolean {
  return ["42P01", "42883", "3F000"].includes(errorCode(error));
}

function serverError(error: unknown, { target, schema }: Pick<QueueSetUp, "target" | "schema">): unknown {
  if (isConnectionError(error)) return unreachable(target, error);
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
  if (errorCode(error) === FORBIDDEN)
    return new FlowForgeError("schema_outdated", {
      subject: `${subject}, tables of the queue`,
      expected: `the schema "${schema}" as this version needs it, and the right to use it`,
      received: error instanceof Error ? error.message : FORBIDDEN,
      next: "Call engine.migrate() as a role that may create schemas, and grant this one what it needs.",
      cause: error,
    });
  return error;
}
