/**
 * Applies migrations. Each runs in a transaction of its own under an advisory lock of its schema, so any number of processes
 * may migrate at once: one does the work, the others find it done. Transaction-scoped, so that it works behind PgBouncer.
 */
import { setTimeout as pause } from "node:timers/promises";
import { FlowForgeError } from "../core/errors.ts";
import { errorCode } from "../postgres-connection/failures.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "./migrations/list.ts";
import type { Migration } from "./migrations/migration.ts";
import type { ConnectionPool, Session } from "../postgres-connection/pool.ts";

const LOCK_ATTEMPTS = 30;

/**
 * Brings the schema to the version of this code. Throws `schema_too_new` where it is beyond it, and `schema_outdated` where it is not
 * there yet and this role may not bring it there.
 */
export async function migrate(pool: ConnectionPool, schema: string): Promise<void> {
  for (let attempt = 1; ;) {
    try {
      if (!(await pool.use((session) => applyNext(session, schema)))) return;
    } catch (error) {
      // `lock_timeout`: somebody reads or writes a table that is to be altered. Waiting in the queue for it would make
      // everybody else wait behind us, so let them through and come again.
      if (errorCode(error) === "42501") throw forbidden(schema, error);
      if (errorCode(error) !== "55P03" || attempt++ >= LOCK_ATTEMPTS) throw error;
      await pause(100 + Math.random() * 400);
    }
  }
}

/** The schema's version; 0 where there is none. */
export async function schemaVersion(session: Session, schema: string): Promise<number> {
  // A session remembers that a name was not there, and hears of what others made since only when it locks a table. Reading one of
  // the catalog's is enough; without it, whoever waited for the lock of the migrations would make the schema once more.
  const [found] = await session.query<{ there: boolean }>({
    text: "select to_regclass($1) is not null as there from (select from pg_catalog.pg_class limit 1) heard",
    values: [`${schema}.migrations`],
  });
  if (!found?.there) return 0;
  const [row] = await session.query<{ version: number }>({
    text: `select coalesce(max(version), 0) as version from ${schema}.migrations`,
  });
  return row!.version;
}

export function assertNotTooNew(schema: string, version: number): void {
  if (version <= SCHEMA_VERSION) return;
  throw new FlowForgeError("schema_too_new", {
    subject: `schema ${schema}`,
    expected: `version ${SCHEMA_VERSION} at most`,
    received: `version ${version}`,
    next: "Another process has migrated it with a newer release; update FlowForge here too.",
  });
}

export function assertCurrent(schema: string, version: number): void {
  assertNotTooNew(schema, version);
  if (version === SCHEMA_VERSION) return;
  throw new FlowForgeError("schema_outdated", {
    subject: `schema ${schema}`,
    expected: `version ${SCHEMA_VERSION}`,
    received: version === 0 ? "no schema" : `version ${version}`,
    next: "Run the migrations first.",
  });
}

function forbidden(schema: string, cause: unknown): FlowForgeError {
  return new FlowForgeError("schema_outdated", {
    subject: `schema ${schema}`,
    expected: `version ${SCHEMA_VERSION}, and the right to use it`,
    received: cause instanceof Error ? cause.message : "42501",
    next: "Call engine.migrate() as the role that owns the schema, and grant this one what it needs.",
    cause,
  });
}

/** `false`: nothing was left to do. */
async function applyNext(session: Session, schema: string): Promise<boolean> {
  await session.query({ text: "begin" });
  try {
    await session.query({
      text: "select pg_advisory_xact_lock(hashtextextended('flowforge migrations ' || $1, 0))",
      values: [schema],
    });
    const version = await schemaVersion(session, schema);
    assertNotTooNew(schema, version);
    const next = MIGRATIONS[version];
    if (next) await apply(session, schema, next);
    await session.query({ text: "commit" });
    return next !== undefined;
  } catch (error) {
    await session.query({ text: "rollback" }).catch(() => undefined);
    throw error;
  }
}

async function apply(session: Session, schema: string, migration: Migration): Promise<void> {
  await session.query({ text: "set local lock_timeout = '2s'" });
  if (migration.version === 1) await createSchema(session, schema);
  for (const text of migration.statements(schema)) await session.query({ text });
  await session.query({
    text: `insert into ${schema}.migrations (version, name) values ($1, $2)`,
    values: [migration.version, migration.name],
  });
}

async function createSchema(session: Session, schema: string): Promise<void> {
  // Not `if not exists` alone: that asks for the right to create schemas even where the schema is there.
  const [found] = await session.query<{ there: boolean }>({
    text: "select to_regnamespace($1) is not null as there",
    values: [schema],
  });
  if (!found?.there) await session.query({ text: `create schema ${schema}` });
  await session.query({
    text: `create table ${schema}.migrations (
      version integer not null,
      name text not null,
      applied_at timestamptz not null default clock_timestamp(),
      constraint migrations_pkey primary key (version)
    )`,
  });
}
