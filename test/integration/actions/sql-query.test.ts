/** `sql.query`: what it reads, how it writes, and what it refuses. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sqlQueryInput } from "../../../src/actions/sql-types.ts";
import { failureOf, SqlScene } from "./sql-scene.ts";

let scene: SqlScene;
beforeAll(async () => {
  scene = await SqlScene.open();
  await scene.database.query("create table orders (id int primary key, note text, lines jsonb)");
});
afterAll(() => scene[Symbol.asyncDispose]());
beforeEach(async () => {
  await scene.database.query("truncate orders");
});

const notes = async (): Promise<unknown[]> =>
  (await scene.database.query("select note from orders order by id")).map(({ note }) => note as unknown);
/** Something that a text is taken for when it is put into a statement. */
const HOSTILE = [
  "'; drop table orders; --",
  `"; drop table orders; --`,
  "$1",
  "\\'; drop table orders; --",
  '{"a":1}',
  "NULL",
  "null",
  "",
  'a,b}{"\\',
  "ä🎉\n\t\r",
  "__proto__",
] as const;

describe("reads", () => {
  test.each<[type: string, text: string, json: unknown]>([
    ["int4", "42", 42],
    ["int2", "-1", -1],
    ["int8", "9007199254740993", "9007199254740993"],
    ["numeric", "0.10", "0.10"],
    ["float8", "0.1", 0.1],
    ["float8", "NaN", "NaN"],
    ["float4", "-Infinity", "-Infinity"],
    ["bool", "true", true],
    ["text", "ä", "ä"],
    ["uuid", "5E1C94D8-35D5-4E6B-9A9B-3E1B3B3C9F61", "5e1c94d8-35d5-4e6b-9a9b-3e1b3b3c9f61"],
    ["date", "2026-11-29", "2026-11-29"],
    ["timestamp", "2026-11-29 12:00:00.123456", "2026-11-29 12:00:00.123456"],
    ["interval", "1 day 2 hours", "1 day 02:00:00"],
    ["json", '{"a":[1,null,"x"]}', { a: [1, null, "x"] }],
    ["jsonb", "[1,{}]", [1, {}]],
    ["bytea", "\\x00ff", "AP8="],
    ["int4[]", "{1,NULL,3}", [1, null, 3]],
    ["int4[]", "[0:1]={1,2}", [1, 2]],
    ["int4[]", "{}", []],
    [
      "int4[]",
      "{{1,2},{3,4}}",
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ["int8[]", "{9007199254740993}", ["9007199254740993"]],
    ["bool[]", "{t,f}", [true, false]],
    ["jsonb[]", '{"{\\"a\\": 1}"}', [{ a: 1 }]],
    ["timestamptz[]", '{"2026-11-29 12:00:00+00"}', ["2026-11-29 12:00:00+00"]],
  ])("%s %s", async (type, text, json) => {
    const result = await scene.read(`select $1::${type} as value, null::${type} as nothing`, [text]);
    expect(result).toEqual({ rows: [{ value: json, nothing: null }], rowCount: 1 });
  });

  test("settings of the role do not change what is read", async () => {
    const { database } = scene;
    await database.query(`alter database ${database.name} set datestyle = 'SQL, DMY'`);
    await database.query(`alter database ${database.name} set bytea_output = 'escape'`);
    await database.query(`alter database ${database.name} set client_encoding = 'LATIN1'`);
    try {
      expect((await scene.read("select date '2026-11-29' as d, '\\xff'::bytea as b, '€' as e")).rows).toEqual(
        [{ d: "2026-11-29", b: "/w==", e: "€" }],
      );
    } finally {
      await database.query(`alter database ${database.name} reset all`);
    }
  });

  test("rows in their order, and how many there are", async () => {
    expect(await scene.read("select n from generate_series(1, 3) n order by n desc")).toEqual({
      rows: [{ n: 3 }, { n: 2 }, { n: 1 }],
      rowCount: 3,
    });
    for (const text of ["select 1 as n where false", "-- nothing"])
      expect(await scene.read(text)).toEqual({ rows: [], rowCount: 0 });
  });

  test.each(["select 1 as a, 2 as a", "select 1 as a, 2 as a where false", 'select 1 as "__proto__"'])(
    "columns must have names of their own: %s",
    async (text) => {
      expect(await failureOf(scene.read(text))).toMatchObject({
        meaning: "permanent",
        message: expect.stringContaining("give it a name of its own"),
      });
    },
  );

  test("names of columns are names, whatever they are", async () => {
    const columns = ["constructor", "a b", "ä", "1"];
    const list = columns.map((column, index) => `${index} as "${column}"`).join(", ");
    const { rows } = await scene.read(`select ${list}`);
    expect(new Map(Object.entries(rows[0]!))).toEqual(
      new Map(columns.map((column, index) => [column, index])),
    );
  });

  test.each<[what: string, text: string, values?: number[]]>([
    ["an insert", "insert into orders values (1)"],
    ["an insert within", "with x as (insert into orders values (1) returning 1) select * from x"],
    ["a table", "create table others ()"],
    ["a way out", "select set_config('transaction_read_only', 'off', true)"],
    ["a function", "select setval('counter', 1)"],
    ["a block", "do $$ begin insert into orders values (1); end $$"],
  ])("change nothing: %s", async (_what, text) => {
    await scene.database.query("create sequence if not exists counter");
    const failure = await failureOf(scene.read(text));
    expect(failure).toMatchObject({ meaning: "permanent", sqlState: expect.stringMatching(/^25/) as string });
    expect(await notes()).toEqual([]);
  });
});

describe("values", () => {
  test.each(HOSTILE)("are never a part of the statement: %j", async (value) => {
    await scene.write("insert into orders values ($1, $2, $3)", [1, value, { value }]);
    const { rows } = await scene.read("select id, note, lines from orders where note = $1", [value]);
    expect(rows).toEqual([{ id: 1, note: value, lines: { value } }]);
  });

  test("lists are arrays, objects are JSON, null is NULL", async () => {
    const lists = [
      [...HOSTILE],
      [...HOSTILE, null],
      [],
      [
        [1, 2],
        [3, null],
      ],
      [true, false],
    ];
    for (const [type, list] of [
      ["text[]", lists[0]!],
      ["text[]", lists[1]!],
      ["text[]", lists[2]!],
      ["int[]", lists[3]!],
      ["bool[]", lists[4]!],
      ["jsonb[]", [{ a: HOSTILE[4] }, { b: [1, "x"] }]],
    ] as const)
      expect((await scene.read(`select $1::${type} as list`, [list])).rows).toEqual([{ list }]);
    expect(
      (await scene.read("select $1::jsonb as object, $2::int as nothing", [{ a: [1] }, null])).rows,
    ).toEqual([{ object: { a: [1] }, nothing: null }]);
    const found = await scene.read("select n from generate_series(1, 9) n where n = any($1)", [[2, 3]]);
    expect(found.rowCount).toBe(2);
  });

  test("as many as are named, and of the right kind", async () => {
    expect(await failureOf(scene.read("select $1::int", []))).toMatchObject({ sqlState: "08P01" });
    expect(await failureOf(scene.read("select $1::int", ["x"]))).toMatchObject({
      meaning: "permanent",
      sqlState: "22P02",
    });
    expect(await failureOf(scene.read("select $1::text", ["a\0b"]))).toMatchObject({
      meaning: "permanent",
      sqlState: "22021",
    });
    const many = Array.from({ length: 65_535 }, (_, index) => index);
    const list = many.map((_, index) => `$${index + 1}::int`).join(",");
    expect((await scene.read(`select cardinality(array[${list}]) as n`, many)).rows).toEqual([{ n: 65_535 }]);
    expect(
      sqlQueryInput.safeParse({ credential: "db", text: "select 1", values: [...many, 1] }).success,
    ).toBe(false);
  });
});

describe("one statement", () => {
  test.each(["select 1; select 2", "select 1; drop table orders", "select 1;; commit; drop table orders"])(
    "and no second one: %s",
    async (text) => {
      for (const write of [false, true])
        expect(await failureOf(scene.run({ text, write }))).toMatchObject({
          meaning: "permanent",
          sqlState: "42601",
        });
      expect(await notes()).toEqual([]);
    },
  );

  const problems = (text: string): string =>
    sqlQueryInput
      .safeParse({ credential: "db", text })
      .error?.issues.map(({ message }) => message)
      .join() ?? "fine";

  test.each([
    "commit",
    "  COMMIT AND CHAIN",
    "-- a\ncommit",
    "--a\rrollback",
    "/* a /* b */ */ end",
    ";; /**/ ; --\n begin",
    "Start transaction",
    "abort",
    "savepoint a",
    "release a",
    "prepare transaction 'x'",
    "copy orders to stdout",
  ])("leaves the transaction alone: %s", (text) => {
    expect(problems(text)).toMatch(/leaves the transaction alone/);
  });

  test.each([
    "select 'commit'",
    "/* commit */ select 1",
    "with a as (select 1) select 1",
    "(select 1)",
    "--",
  ])("may be: %s", (text) => {
    expect(problems(text)).toBe("fine");
  });

  test("nothing that would end the text within its message", () => {
    expect(problems("select 1\0")).toMatch(/NUL/);
    expect(problems("")).not.toBe("fine");
  });

  test.each(["do $$ begin commit; end $$", "call leave()"])("a procedure cannot end it: %s", async (text) => {
    await scene.database.query(
      "create or replace procedure leave() language plpgsql as $$ begin commit; end $$",
    );
    expect(await failureOf(scene.write(text))).toMatchObject({ meaning: "permanent", sqlState: "2D000" });
  });

  test.each(["a; drop table orders", 'a"b', "a.b.c", "", "1a", "a b", "a\0", "x".repeat(64)])(
    "and a table to remember it that is one: %j",
    (inbox) => {
      expect(sqlQueryInput.safeParse({ credential: "db", text: "select 1", inbox }).success).toBe(false);
    },
  );
});

describe("no more than can be kept", () => {
  test("rows", async () => {
    const text = "select generate_series(1, $1::bigint) as n";
    expect((await scene.run({ text, values: [5], maxRows: 5 })).rowCount).toBe(5);
    expect(await failureOf(scene.run({ text, values: [6], maxRows: 5 }))).toMatchObject({
      meaning: "permanent",
      message: expect.stringContaining("more than 5 rows"),
    });
    // It ends when there are too many, not when all are there.
    expect(await failureOf(scene.read(text, [1e12]))).toMatchObject({
      message: expect.stringContaining("more than 1000 rows"),
    });
  });

  test.each([
    ["of many rows", "select repeat('x', 100000) as x from generate_series(1, 20)", "1048576 bytes"],
    ["in a row", "select repeat('x', 1100000) as x", "is larger than 1048576 bytes"],
    ["of a row that never ends", "select repeat('x', 20000000) as x", "4194304 bytes"],
    ["of levels", "select (repeat('[', 70) || repeat(']', 70))::jsonb as x", "nested deeper"],
  ])("bytes %s", async (_title, text, message) => {
    expect(await failureOf(scene.read(text))).toMatchObject({
      meaning: "permanent",
      message: expect.stringContaining(message),
    });
  });

  test("what is too much was not written", async () => {
    const text = "insert into orders select n from generate_series(1, 6) n returning id";
    expect((await failureOf(scene.run({ text, write: true, maxRows: 5 }, { key: "much" }))).meaning).toBe(
      "permanent",
    );
    expect(await notes()).toEqual([]);
    // And the key is free.
    expect((await scene.run({ text, write: true, maxRows: 6 }, { key: "much" })).rowCount).toBe(6);
  });
});
