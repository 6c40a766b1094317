/** `sql.query` with `write`: each key takes effect once in a database that knows nothing of FlowForge. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { losingProxy } from "../../support/losing-proxy.ts";
import { fieldsOf, failureOf, SqlScene } from "./sql-scene.ts";

let scene: SqlScene;
beforeAll(async () => {
  scene = await SqlScene.open();
  await scene.database.query("create table effects (id serial, what text)");
});
afterAll(() => scene[Symbol.asyncDispose]());
beforeEach(async () => {
  await scene.database.query("truncate effects restart identity");
  await scene.database.query("drop table if exists flowforge_inbox");
});

const ADD = "insert into effects (what) values ($1) returning id, what";
const effects = async (): Promise<unknown[]> =>
  (await scene.database.query("select what from effects order by id")).map(({ what }) => what as unknown);

describe("a key takes effect once", () => {
  test("a second attempt gets what the first one got", async () => {
    const first = await scene.write(ADD, ["a"], { key: "k" });
    expect(first).toEqual({ rows: [{ id: 1, what: "a" }], rowCount: 1 });
    expect(await scene.write(ADD, ["a"], { key: "k" })).toEqual(first);
    expect(await scene.write(ADD, ["a"], { key: "other" })).toMatchObject({ rows: [{ id: 2 }] });
    expect(await effects()).toEqual(["a", "a"]);
  });

  test("attempts that come together are one effect with one result", async () => {
    const results = await Promise.all(
      Array.from({ length: 8 }, () => scene.write(ADD, ["a"], { key: "together" })),
    );
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
    expect(await effects()).toEqual(["a"]);
  });

  test("keys that come together before there is a table", async () => {
    await Promise.all(
      Array.from({ length: 8 }, (_, index) => scene.write(ADD, [`${index}`], { key: `${index}` })),
    );
    expect(await effects()).toHaveLength(8);
  });

  test.each<[string, string, string]>([
    ["statement", "insert into effects (what) values ($1)", "a"],
    ["values", ADD, "b"],
  ])("another %s under the same key is refused", async (_what, text, value) => {
    await scene.write(ADD, ["a"], { key: "k" });
    expect(await failureOf(scene.write(text, [value], { key: "k" }))).toMatchObject({
      meaning: "permanent",
      message: expect.stringContaining('"newKey"'),
    });
    expect(await effects()).toEqual(["a"]);
  });

  test("what failed has not happened, and its key is free", async () => {
    const text = "insert into effects (what) values ($1), ((1 / $2::int)::text)";
    expect(await failureOf(scene.write(text, ["a", 0], { key: "k" }))).toMatchObject({
      meaning: "permanent",
      sqlState: "22012",
    });
    expect(await effects()).toEqual([]);
    await scene.write(text, ["a", 1], { key: "k" });
    expect(await effects()).toEqual(["a", "1"]);
  });

  test("an answer that was lost with the commit: the next attempt finds it", async () => {
    await using proxy = await losingProxy(scene.database.url, (sent) => sent.includes("commit"));
    const lost = await failureOf(scene.write(ADD, ["a"], { key: "k", fields: fieldsOf(proxy.url) }));
    expect(lost).toMatchObject({ meaning: "unknown" });
    expect(proxy.lost).toBe(1);
    await expect.poll(effects).toEqual(["a"]);
    expect(await scene.write(ADD, ["a"], { key: "k" })).toMatchObject({ rows: [{ id: 1 }] });
    expect(await effects()).toEqual(["a"]);
  });

  test("a connection that was lost before it: nothing has happened", async () => {
    await using proxy = await losingProxy(scene.database.url, (sent) => sent.includes("insert into effects"));
    const lost = await failureOf(scene.write(ADD, ["a"], { key: "k", fields: fieldsOf(proxy.url) }));
    expect(lost).toMatchObject({ meaning: "retry" });
    expect(await scene.write(ADD, ["a"], { key: "k" })).toMatchObject({ rowCount: 1 });
    expect(await effects()).toEqual(["a"]);
  });

  test("a check that waits for the end refuses it, and nothing was written", async () => {
    await scene.database.query(
      "create table pairs (a int primary key, b int references pairs deferrable initially deferred)",
    );
    const failure = await failureOf(scene.write("insert into pairs values (1, 2)", [], { key: "k" }));
    expect(failure).toMatchObject({ meaning: "permanent", sqlState: "23503" });
    expect(await scene.database.query("select from pairs")).toEqual([]);
    expect(await scene.database.query("select from flowforge_inbox")).toEqual([]);
  });

  test("a statement without rows, and one that makes a table", async () => {
    await scene.write(ADD, ["a"]);
    expect(await scene.write("delete from effects")).toEqual({ rows: [], rowCount: 1 });
    const made = { key: "made" };
    expect(await scene.write("create table made ()", [], made)).toEqual({ rows: [], rowCount: 0 });
    expect(await scene.write("create table made ()", [], made)).toEqual({ rows: [], rowCount: 0 });
  });

  test("a large result is kept as it is", async () => {
    const input = {
      text: "insert into effects (what) select repeat('\"', 500) from generate_series(1, 900) returning what",
      write: true,
    };
    const first = await scene.run(input, { key: "large" });
    expect(await scene.run(input, { key: "large" })).toEqual(first);
    expect(first.rows).toHaveLength(900);
  });
});

describe("the table that remembers", () => {
  const role = `fft_sql_${process.pid}`;
  const asRole = { fields: { username: role, password: "role-password" } };
  beforeAll(async () => {
    await scene.database.query(`create role ${role} login password 'role-password'`);
    await scene.database.query(`grant all on effects, effects_id_seq to ${role}`);
    await scene.database.query("revoke create on schema public from public");
  });
  afterAll(async () => {
    await scene.database.query(`drop owned by ${role}`);
    await scene.database.query(`drop role ${role}`);
  });

  test("may be elsewhere, under another name", async () => {
    await scene.database.query("create schema app");
    await scene.run({ text: ADD, values: ["a"], write: true, inbox: "app.Seen" }, { key: "k" });
    const kept = await scene.database.query('select key, result from app."Seen"');
    expect(kept).toEqual([{ key: "k", result: '{"rows":[{"id":1,"what":"a"}],"rowCount":1}' }]);
    expect(
      await failureOf(scene.run({ text: ADD, values: ["a"], write: true, inbox: "none.seen" })),
    ).toMatchObject({
      meaning: "permanent",
      message: expect.stringContaining('create table if not exists "none"."seen"'),
    });
  });

  test("where it may not be created, the error says what to run", async () => {
    const { message, meaning } = await failureOf(scene.write(ADD, ["a"], asRole));
    expect(meaning).toBe("permanent");
    expect(await effects()).toEqual([]);
    const statement = /create table [^;]+/.exec(message)![0];
    expect(await readFile("docs/reference/built-in-actions.md", "utf8")).toContain(`${statement};`);
    const grant = /grant [^;]+ to /.exec(message)![0];
    await scene.database.query(statement);
    await scene.database.query(`${grant} ${role}`);
    await scene.write(ADD, ["a"], { ...asRole, key: "k" });
    await scene.write(ADD, ["a"], { ...asRole, key: "k" });
    expect(await effects()).toEqual(["a"]);
  });

  test.each(["delete from flowforge_inbox", "select set_config('search_path', 'pg_catalog', true)"])(
    "is not led astray by the statement: %s",
    async (text) => {
      await scene.write(ADD, ["a"]);
      expect(await failureOf(scene.write(text, [], { key: "astray" }))).toMatchObject({
        meaning: "permanent",
      });
      expect(await scene.database.query("select from flowforge_inbox")).toHaveLength(1);
    },
  );

  test("is not touched by what only reads", async () => {
    await scene.read("select 1 as n");
    expect(await scene.database.query("select to_regclass('flowforge_inbox')::text as name")).toEqual([
      { name: null },
    ]);
  });

  test("a server that takes no writes now, as a standby after a failover: tried again", async () => {
    await scene.database.query(`alter role ${role} set default_transaction_read_only = on`);
    const failure = await failureOf(scene.write(ADD, ["a"], asRole));
    expect(failure).toMatchObject({ meaning: "retry", sqlState: "25006" });
  });
});
