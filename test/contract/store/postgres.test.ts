import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { createPostgresStore } from "../../../src/postgres/store.ts";
import { storeContract, type StoreUnderTest } from "../../../src/testing/store-contract.ts";
import { postgresVersions, type PostgresVersion, type TestDatabase } from "../../support/servers.ts";
import { shiftClock } from "../../support/shift-clock.ts";

for (const version of await postgresVersions()) {
  const schemas = lazySchemas(version);
  storeContract(version.label, schemas, { describe, test, expect, fc });
}

/**
 * One database for all rules of a version, and a schema for each: it proves that schemas keep apart. What a rule leaves behind is
 * deleted, and its schema is the next one's: migrating one for each would take most of the time of all rules.
 */
function lazySchemas(version: PostgresVersion): () => Promise<StoreUnderTest> {
  let database: Promise<TestDatabase> | undefined;
  const free: string[] = [];
  afterAll(async () => (await database)?.drop());
  return async () => openStore(await (database ??= version.database()), free);
}

async function openStore(database: TestDatabase, free: string[]): Promise<StoreUnderTest> {
  const schema = free.pop() ?? `contract_${randomBytes(6).toString("hex")}`;
  const [store, second] = [1, 2].map(() => createPostgresStore({ postgres: database.url, schema })) as [
    ReturnType<typeof createPostgresStore>,
    ReturnType<typeof createPostgresStore>,
  ];
  await store.migrate();
  let shifted = 0;
  return {
    store,
    second,
    clock: { advance: (ms) => shiftClock(database, (shifted += ms), schema) },
    close: async () => {
      await Promise.all([store.close(), second.close()]);
      if (shifted !== 0) await shiftClock(database, 0, schema);
      await empty(database, schema);
      free.push(schema);
    },
  };
}

/** `truncate` takes as long as migrating: it makes new files for every table and index. */
async function empty(database: TestDatabase, schema: string): Promise<void> {
  await database.query(`do $$
    declare name text;
    begin
      set local session_replication_role = replica;
      for name in select tablename from pg_tables where schemaname = '${schema}' and tablename <> 'migrations' loop
        execute format('delete from %I.%I', '${schema}', name);
      end loop;
    end $$`);
}
