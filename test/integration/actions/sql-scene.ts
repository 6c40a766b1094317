/** `sql.query` as an attempt has it, on a database of the test. */
import { sqlQuery, type SqlQuery, type SqlResult } from "../../../src/actions.ts";
import { sqlQueryInput } from "../../../src/actions/sql-types.ts";
import type { ActionContext } from "../../../src/core/definition/action.ts";
import { classifyFailure, isMarked } from "../../../src/core/run/classify.ts";
import type { ErrorRecord } from "../../../src/core/run/event.ts";
import { OutboundHttp } from "../../../src/security/outbound/guarded-fetch.ts";
import { parseOutbound } from "../../../src/security/outbound/rules.ts";
import { type TestDatabase, testDatabase } from "../../support/servers.ts";

export interface Attempt {
  /** Default: another one each time. */
  readonly key?: string;
  readonly fields?: Readonly<Record<string, string | undefined>>;
  readonly allowHosts?: readonly string[];
  readonly signal?: AbortSignal;
}

/** As a credential says it. */
export function fieldsOf(url: string): Readonly<Record<string, string>> {
  const { hostname, port, pathname, username, password } = new URL(url);
  return { host: hostname, port, database: pathname.slice(1), username, password, tls: "none" };
}

export class SqlScene implements AsyncDisposable {
  readonly database: TestDatabase;
  readonly #outbound = new OutboundHttp({ rules: parseOutbound({ allowPrivateNetwork: true }) });
  #keys = 0;

  static async open(): Promise<SqlScene> {
    return new SqlScene(await testDatabase());
  }

  private constructor(database: TestDatabase) {
    this.database = database;
  }

  get fields(): Readonly<Record<string, string>> {
    return fieldsOf(this.database.url);
  }

  async run(input: Omit<SqlQuery, "credential">, attempt: Attempt = {}): Promise<SqlResult> {
    const { key = `key-${this.#keys++}`, fields, allowHosts = null, signal } = attempt;
    const granted = { ...this.fields, ...fields } as Record<string, string>;
    return sqlQuery.run({
      input: sqlQueryInput.parse({ credential: "db", ...input }),
      idempotencyKey: key,
      signal: signal ?? new AbortController().signal,
      credential: async () => ({ fields: granted, allowHosts }),
      connect: this.#outbound.connect,
    } as Partial<ActionContext<SqlQuery>> as ActionContext<SqlQuery>);
  }

  read(text: string, values?: SqlQuery["values"], attempt?: Attempt): Promise<SqlResult> {
    return this.run({ text, values }, attempt);
  }

  write(text: string, values?: SqlQuery["values"], attempt?: Attempt): Promise<SqlResult> {
    return this.run({ text, values, write: true }, attempt);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#outbound.close();
    await this.database[Symbol.asyncDispose]();
  }
}

/** What the engine makes of the error of an attempt: `retry`, `permanent`, or `unknown`, and how it names it. */
export async function failureOf(attempt: Promise<unknown>): Promise<ErrorRecord & { meaning: string }> {
  const error: unknown = await attempt.then(
    () => new Error("It has succeeded."),
    (reason: unknown) => reason,
  );
  const said = isMarked(error) ? undefined : sqlQuery.classify?.(error);
  // The class that takes doubts for what they are.
  const { verdict, error: record } = classifyFailure(error, "atMostOnce", said ? { said } : {});
  return { meaning: verdict.type === "outcomeUnknown" ? "unknown" : verdict.type, ...record };
}
