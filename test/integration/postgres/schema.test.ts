/** Migrations: many at once, other names, other versions, and the dump that says what the schema is. */
import { describe, expect, test } from "vitest";
import { triggers } from "../../../src/postgres/migrations/0019-triggers.ts";
import { SCHEMA_VERSION } from "../../../src/postgres/migrations/list.ts";
import { createPostgresStore } from "../../../src/postgres/store.ts";
import { postgresVersions, testDatabase } from "../../support/servers.ts";
import { startEntry, startRuns, testStore } from "./fixtures.ts";
import { dumpSchema } from "./schema-dump.ts";

test("three migrators at once: one does the work, all find it done", async () => {
  await using database = await testDatabase();
  const stores = [1, 2, 3].map(() => createPostgresStore({ postgres: database.url }));
  await Promise.all(stores.map((store) => store.migrate()));
  const rows = await database.query<{ version: number }>(
    "select version from flowforge.migrations order by 1",
  );
  expect(rows.map((row) => row.version)).toEqual(
    Array.from({ length: SCHEMA_VERSION }, (_, index) => index + 1),
  );
  await Promise.all(stores.map((store) => store.assertMigrated()));
  await Promise.all(stores.map((store) => store.close()));
});

test("migrators whose sessions have seen that there is no schema find it done all the same", async () => {
  await using database = await testDatabase();
  const stores = Array.from({ length: 6 }, () => createPostgresStore({ postgres: database.url }));
  await Promise.all(stores.map((store) => store.open()));
  await Promise.all(stores.map((store) => store.migrate()));
  await Promise.all(stores.map((store) => store.assertMigrated()));
  await Promise.all(stores.map((store) => store.close()));
});

test("a missing schema is `schema_outdated`, a newer one `schema_too_new`", async () => {
  await using database = await testDatabase();
  const store = createPostgresStore({ postgres: database.url });
  await store.open();
  await expect(store.assertMigrated()).rejects.toMatchObject({ code: "schema_outdated" });
  await store.migrate();
  await database.query("insert into flowforge.migrations (version, name) values ($1, 'later')", [
    SCHEMA_VERSION + 1,
  ]);
  await expect(store.open()).rejects.toMatchObject({ code: "schema_too_new" });
  await expect(store.migrate()).rejects.toMatchObject({ code: "schema_too_new" });
  await store.close();
});

test("the triggers of workflows that are older than their table are in it", async () => {
  await using context = await testStore();
  const { store, database } = context;
  const nodes = {
    hook: { kind: "trigger", source: { type: "webhook", path: "orders" } },
    placed: { kind: "trigger", source: { type: "event", name: "order.placed" } },
    night: { kind: "trigger", source: { type: "schedule", cron: "0 3 * * *" } },
    start: { kind: "trigger" },
  } as const;
  await store.saveWorkflow("default", { format: 1, name: "w", nodes: {}, edges: [] }, "c1");
  await store.saveWorkflow("default", { format: 1, name: "w", nodes, edges: [] }, "c2");
  const all = `select workspace, workflow, node, version, type, name, source::text from flowforge.triggers order by node`;
  const written = await database.query(all);
  expect(written.map(({ node, name }) => [node, name])).toEqual([
    ["hook", "orders"],
    ["night", null],
    ["placed", "order.placed"],
  ]);
  await database.query("drop table flowforge.triggers");
  for (const statement of triggers.statements("flowforge")) await database.query(statement);
  expect(await database.query(all)).toEqual(written);
});

test.each(["my schema", 'quo"ted', "Größe", "select"])("a schema named %s", async (schema) => {
  await using context = await testStore({ schema });
  const [id] = await startRuns(context.store, 1);
  const page = await context.store.runs({ workspace: "default", limit: 10 });
  expect(page.items.map((run) => run.id)).toEqual([id]);
  expect(
    (await context.store.saveWorkflow("w", { format: 1, name: "n", nodes: {}, edges: [] }, "c")).version,
  ).toBe(1);
});

test("two schemas in one database know nothing of each other", async () => {
  await using context = await testStore();
  const other = context.another({ schema: "other" });
  await other.migrate();
  const start = startEntry();
  expect(await context.store.commit([start])).toEqual([{ type: "committed", seq: 1 }]);
  expect(await other.load([{ runId: start.runId }])).toEqual([null]);
});

test.each(["", "x".repeat(64), "pg_flow", "a\0b"])("the schema name %j is refused", (schema) => {
  expect(() => createPostgresStore({ postgres: "postgres://localhost/x", schema })).toThrowError(
    expect.objectContaining({ code: "option_invalid" }),
  );
});

describe.each(await postgresVersions())("$label", (version) => {
  test("the schema is the one in src/postgres/schema.sql (npx vitest run -u writes it anew)", async () => {
    await using database = await version.database();
    const store = createPostgresStore({ postgres: database.url });
    await store.migrate();
    await store.close();
    await expect(await dumpSchema(database.pool(), "flowforge")).toMatchFileSnapshot(
      "../../../src/postgres/schema.sql",
    );
  });
});
