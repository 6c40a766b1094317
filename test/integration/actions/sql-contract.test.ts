/** `sql.query` keeps to the contract of actions, on a real server. Those that need none are in `test/unit/actions/contract.test.ts`. */
import { describe, expect, test } from "vitest";
import { sqlQuery } from "../../../src/actions.ts";
import { actionContract } from "../../../src/testing.ts";
import { testDatabase } from "../../support/servers.ts";
import { fieldsOf } from "./sql-scene.ts";

actionContract(
  "sql.query",
  async () => {
    const database = await testDatabase();
    await database.query("create table orders (id int, constraint positive check (id > 0))");
    const fields = fieldsOf(database.url);
    const granted = (more: object = {}) => ({ db: { fields: { ...fields, ...more }, allowHosts: null } });
    const credentials = granted();
    const insert = { credential: "db", text: "insert into orders values ($1)", values: [1], write: true };
    const select = { credential: "db", text: "select 1 as n" };
    return {
      action: sqlQuery,
      http: { allowPrivateNetwork: true },
      successes: [
        { title: "a write", input: insert, credentials, output: { rows: [], rowCount: 1 } },
        { title: "a read", input: select, credentials, output: { rows: [{ n: 1 }], rowCount: 1 } },
      ],
      refused: [
        { title: "no statement", input: { credential: "db" } },
        { title: "no database", input: { text: "select 1" } },
        { title: "the end of the transaction", input: { ...select, text: "commit" } },
        { title: "a table that is none", input: { ...insert, inbox: "a; drop table orders" } },
        { title: "an unknown field", input: { ...select, readonly: true } },
        { title: "too many rows", input: { ...select, maxRows: 10_001 } },
      ],
      failures: [
        {
          title: "no such table",
          input: { ...select, text: "select * from others" },
          credentials,
          meaning: "permanent",
        },
        { title: "a constraint", input: { ...insert, values: [-1] }, credentials, meaning: "permanent" },
        {
          title: "a write that says that it reads",
          input: { ...insert, write: false },
          credentials,
          meaning: "permanent",
        },
        {
          title: "too slow",
          input: { ...select, text: "select pg_sleep(9)", timeoutMs: 10 },
          credentials,
          meaning: "retry",
        },
        {
          title: "a wrong password",
          input: select,
          credentials: granted({ password: "wrong" }),
          meaning: "permanent",
        },
        { title: "nobody there", input: select, credentials: granted({ port: "1" }), meaning: "retry" },
        {
          title: "a private address",
          input: select,
          credentials: granted({ host: "169.254.169.254" }),
          meaning: "permanent",
        },
      ],
      slow: {
        title: "a query that takes long",
        input: { ...select, text: "select pg_sleep(60)" },
        credentials,
      },
      effects: async () => (await database.query("select from orders")).length,
      dispose: () => database.drop(),
    };
  },
  { describe, test, expect },
);
