import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { createPostgresStore } from "../../../src/postgres/store.ts";
import { storeContract, type StoreUnderTest } from "../../../src/testing/store-contract.ts";
import { postgresVersions, type PostgresVersion, type TestDatabase } from "../../support/servers.ts";
import { shiftClock } from "../../support/shift-clock.ts";

for (const version of await postgresVersions()) {
  const database = lazyDatabase(version);
  storeContract(version.label, async () => openStore(await database()), { describe, test, expect, fc });
}

/** One database for all rules of a version, a schema for each: cheaper, and it proves that schemas keep apart. */
function lazyDatabase(version: PostgresVersion): () => Promise<TestDatabase> {
  let database: Promise<TestDatabase> | undefined;
  afterAll(async () => (await database)?.drop());
  return () => (database ??= version.database());
}

async function openStore(database: TestDatabase): Promise<StoreUnderTest> {
  const schema = `contract_${randomBytes(6).toString("hex")}`;
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
    },
  };
}
