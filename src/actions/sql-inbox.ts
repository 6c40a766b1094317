/**
 * The table in a foreign database that remembers which keys have taken effect there. Its row is written in the transaction of the effect:
 * both are there, or neither is, whatever breaks in between. Who comes with the same key meanwhile waits at the row.
 */
import type { Json } from "../core/json.ts";
import { PermanentError } from "../core/run/failures.ts";
import { SqlError, sqlStateOf } from "./sql-error.ts";
import type { SqlSession } from "./sql-session.ts";
import { type SqlResult, sqlResult } from "./sql-types.ts";

const UNDEFINED_TABLE = "42P01";
/** Somebody else has created it at the same time: the name is taken, in one catalogue or another. */
const CREATED_MEANWHILE: ReadonlySet<string | null> = new Set(["23505", "42710", "42P07"]);
/** No privilege, no such schema, or a database that is read-only. */
const NOT_CREATED: ReadonlySet<string | null> = new Set(["42501", "3F000"]);

/** What has happened once. */
export interface Effect {
  readonly key: string;
  /** Of what was to be done: another statement under the same key is a mistake. */
  readonly fingerprint: string;
}

export class Inbox {
  readonly #session: SqlSession;
  readonly #name: string;
  readonly #table: string;

  constructor(session: SqlSession, name: string) {
    this.#session = session;
    this.#name = name;
    this.#table = name
      .split(".")
      .map((part) => `"${part}"`)
      .join(".");
  }

  /** Within a transaction. `true`: the key is new, and its row is there until the transaction ends. `undefined`: there is no table. */
  async claim({ key, fingerprint }: Effect): Promise<boolean | undefined> {
    const text = `insert into ${this.#table} (key, fingerprint) values ($1, $2) on conflict (key) do nothing`;
    try {
      const { rowCount } = await this.#session.query({ text, values: [key, fingerprint] });
      return rowCount === 1;
    } catch (error) {
      if (sqlStateOf(error) === UNDEFINED_TABLE) return undefined;
      throw error;
    }
  }

  /** Outside of a transaction. Throws `PermanentError` where it may not be created. */
  async create(): Promise<void> {
    const statement =
      `create table if not exists ${this.#table} (key text primary key, fingerprint text not null, result text, ` +
      "created_at timestamptz not null default now())";
    try {
      await this.#session.command(statement);
    } catch (error) {
      const sqlState = sqlStateOf(error);
      if (CREATED_MEANWHILE.has(sqlState)) return;
      if (!NOT_CREATED.has(sqlState)) throw error;
      throw new PermanentError(
        `The database has no table ${this.#name}, and "sql.query" may not create it. Let somebody run: ${statement}; ` +
          `grant select, insert, update on ${this.#table} to the role of the credential.`,
        { cause: error },
      );
    }
  }

  /** What came of it when it happened. Throws `PermanentError` where something else happened under this key. */
  async recall({ key, fingerprint }: Effect): Promise<SqlResult> {
    let found: readonly Json[] | undefined;
    const text = `select fingerprint, result from ${this.#table} where key = $1`;
    await this.#session.query({ text, values: [key], onRow: (row) => void (found = row) });
    if (found === undefined)
      throw new SqlError(new Error(`The row of a key has gone from table ${this.#name}.`), "write");
    const [kept, result] = found;
    if (kept !== fingerprint || typeof result !== "string")
      throw new PermanentError(
        `Table ${this.#name} has the key ${key} of another statement or other values. Redrive the node with "newKey" if this one is meant too.`,
      );
    return sqlResult.parse(JSON.parse(result));
  }

  async keep({ key }: Effect, result: SqlResult): Promise<void> {
    const text = `update ${this.#table} set result = $2 where key = $1`;
    const { rowCount } = await this.#session.query({ text, values: [key, JSON.stringify(result)] });
    if (rowCount === 1) return;
    throw new PermanentError(
      `The statement has taken its own row out of table ${this.#name}, or has changed where that is looked for. Nothing of it was kept.`,
    );
  }
}
