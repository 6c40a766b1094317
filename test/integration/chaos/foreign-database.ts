/**
 * A database of somebody else, on a server of its own, in which a statement can be held up at every moment of its transaction: each moment
 * has a schema of its own, in which whoever comes so far stands for as long as somebody holds him.
 */
import type pg from "pg";
import { expect } from "vitest";
import { startPostgres, type TestDatabase, testDatabase, type TestServer } from "../../support/servers.ts";

/** `commit`: the server has been told to commit, and is at it. */
export const MOMENTS = ["claim", "statement", "keep", "commit"] as const;
export type ForeignMoment = (typeof MOMENTS)[number];

const WAIT = { timeout: 20_000, interval: 20 };

const TRIGGERS: { readonly [moment in ForeignMoment]: string } = {
  claim: "create trigger stop before insert on claim.inbox",
  statement: "create trigger stop before insert on statement.effects",
  keep: "create trigger stop before update on keep.inbox",
  commit: "create constraint trigger stop after insert on commit.effects deferrable initially deferred",
};
const STOP = `create function stop() returns trigger language plpgsql as $$
  begin perform pg_advisory_xact_lock_shared(1); return new; end $$;`;
const schemaOf = (moment: ForeignMoment): string => `
  create schema ${moment};
  create table ${moment}.effects (what text, at timestamptz default clock_timestamp());
  create table ${moment}.inbox (key text primary key, fingerprint text not null, result text, created_at timestamptz default now());
  ${TRIGGERS[moment]} for each row execute function stop();`;

export class ForeignDatabase implements AsyncDisposable {
  readonly #server: TestServer;
  readonly #database: TestDatabase;
  readonly #sessions: pg.Pool;

  static async start(): Promise<ForeignDatabase> {
    const server = await startPostgres();
    const database = await testDatabase(server.url);
    await database.query([STOP, ...MOMENTS.map(schemaOf)].join("\n"));
    return new ForeignDatabase(server, database);
  }

  private constructor(server: TestServer, database: TestDatabase) {
    this.#server = server;
    this.#database = database;
    this.#sessions = database.pool();
  }

  /** As a credential says it. */
  get fields(): { readonly [field: string]: string } {
    const { hostname, port, pathname, username, password } = new URL(this.#database.url);
    return { host: hostname, port, database: pathname.slice(1), username, password, tls: "none" };
  }

  /** When each effect was written that is there. */
  async effects(moment: ForeignMoment, what: string): Promise<readonly string[]> {
    const text = `select at::text from ${moment}.effects where what = $1`;
    return (await this.#database.query<{ at: string }>(text, [what])).map(({ at }) => at);
  }

  /** Nobody gets past the moment of his schema; gives what lets them. */
  async hold(): Promise<() => Promise<void>> {
    const session = await this.#sessions.connect();
    await session.query("select pg_advisory_lock(1)");
    return async () => {
      await session.query("select pg_advisory_unlock(1)");
      session.release();
    };
  }

  /** So many stand there. */
  async reached(count: number): Promise<void> {
    const standing = "select from pg_stat_activity where wait_event = 'advisory'";
    await expect.poll(async () => (await this.#database.query(standing)).length, WAIT).toBe(count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.drop();
    await this.#server.stop();
  }
}
