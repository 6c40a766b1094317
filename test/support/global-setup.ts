import { createEngine } from "../../src/index.ts";
import { provideServers } from "./provide.ts";
import { testDatabase } from "./servers.ts";
import { TEMPLATE, TEMPLATE_PREFIX } from "./template.ts";

/** vitest `globalSetup`: servers before the first test file, gone after the last one. */
export default async function setup(): Promise<() => Promise<void>> {
  const servers = await provideServers();
  const template = await migratedTemplate();
  return async () => {
    await template.drop();
    await servers.stop();
  };
}

/** Most tests of engines need a schema and do not care how it came about: a copy takes a quarter of the time of all migrations. */
async function migratedTemplate(): Promise<{ drop(): Promise<void> }> {
  const database = await testDatabase();
  await createEngine({ postgres: database.url, queuePrefix: TEMPLATE_PREFIX }).migrate();
  process.env[TEMPLATE] = database.name;
  return database;
}
