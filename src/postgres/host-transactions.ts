/** Starts and events inside transactions: those that the host has opened, and those that it has us open. */
import type { ClientBase } from "pg";
import { FlowForgeError } from "../core/errors.ts";
import type { KeyHolder, KeyRef } from "../core/ports/keys.ts";
import type { CommitEntry, Verdict } from "../core/ports/commit.ts";
import type { NewEvent, Publication } from "../core/ports/events.ts";
import { errorCode, isConnectionError, outcomeUnknown } from "../postgres-connection/failures.ts";
import type { ConnectionPool, Sender } from "../postgres-connection/pool.ts";
import { type CallerTransaction, withinTransaction } from "./caller-transaction.ts";
import { isPlaceTaken } from "./commit-gates.ts";
import { type CommitStatements, sendBatch } from "./commit.ts";
import { publishEvent } from "./event-publication.ts";
import { keyHolder } from "./keys.ts";

/** An open transaction keeps others from vacuuming, and its locks from working. */
const IDLE_TIMEOUT = "30s";

export interface TransactionParts {
  /** Connections for transactions that are opened here. */
  readonly pool: ConnectionPool;
  readonly reads: ConnectionPool;
  readonly schema: string;
  readonly commits: CommitStatements;
}

export class HostTransactions {
  readonly #parts: TransactionParts;
  #marker: Promise<string | null> | null = null;

  constructor(parts: TransactionParts) {
    this.#parts = parts;
  }

  /**
   * Writes a start into the caller's transaction. Waits for nobody; what the server refuses passes through, and leaves the
   * transaction as it was. Throws `transaction_invalid` and `transaction_foreign`.
   */
  async commit(tx: CallerTransaction, entry: CommitEntry): Promise<Verdict> {
    const marker = await this.#ownMarker();
    const isCommitted = ({ type }: Verdict): boolean => type === "committed";
    try {
      return await withinTransaction(tx, isCommitted, async (session) => {
        await this.#assertOwn(session, marker);
        const [verdict] = await sendBatch(session, this.#parts.commits, [entry]);
        return verdict!;
      });
    } catch (error) {
      if (isPlaceTaken(error)) return { type: "locked" };
      throw error;
    }
  }

  /** Writes an event into the caller's transaction; otherwise as `commit`, and as `EventStore.publish`. */
  async publish(tx: CallerTransaction, event: NewEvent, holdMs: number): Promise<Publication> {
    const marker = await this.#ownMarker();
    return withinTransaction(
      tx,
      ({ published }) => published,
      async (session) => {
        await this.#assertOwn(session, marker);
        return publishEvent(session, this.#parts.schema, { event, holdMs });
      },
    );
  }

  /** Who holds a key, as the transaction sees it: its own starts too. */
  key(tx: CallerTransaction, ref: KeyRef): Promise<KeyHolder | null> {
    const keep = (): boolean => true;
    return withinTransaction(tx, keep, (session) => keyHolder(session, this.#parts.schema, ref));
  }

  /**
   * Opens a transaction, lets `work` use it and commits. What `work` throws passes through after a rollback. Throws
   * `transaction_failed` where the server could only roll back, `postgres_unreachable` and `commit_outcome_unknown`.
   */
  run<T>(work: (tx: ClientBase) => Promise<T>): Promise<T> {
    const { pool } = this.#parts;
    return pool.lend(async (client) => {
      await client.query(`begin; set local idle_in_transaction_session_timeout = '${IDLE_TIMEOUT}'`);
      let result: T;
      try {
        result = await work(client);
      } catch (error) {
        await client.query("rollback").catch(() => undefined);
        throw error;
      }
      await commit(client, pool.target);
      return result;
    });
  }

  async #assertOwn(session: Sender, marker: string | null): Promise<void> {
    const found = await markerOf(session, this.#parts.schema).catch((error: unknown) => {
      // No such schema or table, or no right to read it.
      if (/^(3F000|42P01|42501)$/.test(errorCode(error))) return null;
      throw error;
    });
    if (found === null || found !== marker) throw foreign(this.#parts.schema);
  }

  #ownMarker(): Promise<string | null> {
    this.#marker ??= this.#parts.reads
      .use((session) => markerOf(session, this.#parts.schema))
      .catch((error: unknown) => {
        this.#marker = null;
        throw error;
      });
    return this.#marker;
  }
}

/** Tells installations apart: the database's name, and the moment at which its schema was made. */
async function markerOf(session: Sender, schema: string): Promise<string | null> {
  const [row] = await session.query<{ marker: string }>({
    text: `select current_database() || ' ' || extract(epoch from applied_at)::text as marker from ${schema}.migrations where version = 1`,
  });
  return row?.marker ?? null;
}

function foreign(schema: string): FlowForgeError {
  return new FlowForgeError("transaction_foreign", {
    subject: 'option "tx"',
    expected: `a transaction on the database of this engine, whose role may write to schema ${schema}`,
    next: "Nothing was stored. Pass a transaction on the engine's own database, or leave `tx` away.",
  });
}

async function commit(client: ClientBase, target: string): Promise<void> {
  let command: string;
  try {
    ({ command } = await client.query("commit"));
  } catch (error) {
    throw isConnectionError(error) ? outcomeUnknown(target, error) : error;
  }
  // The server answers so to a commit after a statement that failed, whether or not somebody caught its error.
  if (command !== "ROLLBACK") return;
  throw new FlowForgeError("transaction_failed", {
    subject: "engine.transaction",
    received: "a statement in it failed, and the error was caught",
    next: "Nothing was stored. Let errors of statements pass, or use a savepoint around what may fail.",
  });
}
