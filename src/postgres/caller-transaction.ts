/** A transaction that somebody else has opened, on a connection of theirs: how statements get into it. */
import { CompiledQuery, type QueryResult } from "kysely";
import { FlowForgeError } from "../core/errors.ts";
import { errorCode, isConnectionError } from "../postgres-connection/failures.ts";
import type { Sender, Statement } from "../postgres-connection/pool.ts";
import { sendable } from "../postgres-connection/sendable.ts";

/** A client of `pg` between `begin` and `commit`. Not a pool: each of its statements may go over another connection. */
export interface TransactionClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>;
}

/** A transaction of Kysely on PostgreSQL. */
export interface KyselyTransaction {
  readonly isTransaction: true;
  executeQuery<Row>(query: CompiledQuery<Row>): Promise<QueryResult<Row>>;
}

export type CallerTransaction = TransactionClient | KyselyTransaction;

const SAVEPOINT = "flowforge_start";

/**
 * `work` happens as a whole or not at all, and what it throws leaves the caller's transaction as it was. A result that `keep` does
 * not want is undone too. Throws `transaction_invalid` where no transaction is open.
 */
export async function withinTransaction<T>(
  tx: CallerTransaction,
  keep: (result: T) => boolean,
  work: (session: Sender) => Promise<T>,
): Promise<T> {
  const session = sessionOf(tx);
  return inTurn(tx, async () => {
    await session.query({ text: `savepoint ${SAVEPOINT}` }).catch((error: unknown) => {
      throw noTransaction(error);
    });
    const undo = async (): Promise<void> => {
      await session.query({ text: `rollback to savepoint ${SAVEPOINT}` });
      await session.query({ text: `release savepoint ${SAVEPOINT}` });
    };
    try {
      const result = await work(session);
      if (keep(result)) await session.query({ text: `release savepoint ${SAVEPOINT}` });
      else await undo();
      return result;
    } catch (error) {
      await undo().catch(() => undefined);
      throw errorCode(error) === "25006" ? noTransaction(error) : error;
    }
  });
}

function sessionOf(tx: unknown): Sender {
  if (isKysely(tx)) {
    return {
      query: async <Row>({ text, values = [] }: Statement) =>
        (await tx.executeQuery<Row>(CompiledQuery.raw(text, sendable(values)) as CompiledQuery<Row>)).rows,
    };
  }
  if (!isClient(tx)) throw noTransaction(null);
  return {
    query: async <Row>({ text, values }: Statement) =>
      (await tx.query(text, values && sendable(values))).rows as Row[],
  };
}

function isKysely(tx: unknown): tx is KyselyTransaction {
  return hasMethod(tx, "executeQuery") && "isTransaction" in tx && tx.isTransaction === true;
}

function isClient(tx: unknown): tx is TransactionClient {
  return hasMethod(tx, "query");
}

function hasMethod(value: unknown, name: string): value is object {
  return typeof value === "object" && value !== null && typeof (Object(value) as never)[name] === "function";
}

const turns = new WeakMap<object, Promise<unknown>>();

/** One after the other: savepoints of one connection are nested, whoever makes them. */
function inTurn<T>(tx: object, work: () => Promise<T>): Promise<T> {
  const before = turns.get(tx) ?? Promise.resolve();
  const mine = before.then(work, work);
  turns.set(tx, mine);
  return mine;
}

const REASONS: { readonly [code: string]: string } = {
  "25P01": "a connection on which no transaction is open",
  "25P02": "a transaction in which a statement has failed",
  "25006": "a transaction that may only read",
};

function noTransaction(cause: unknown): FlowForgeError {
  const closed = cause !== null && isConnectionError(cause) ? "a connection that is closed" : undefined;
  const message = cause instanceof Error ? cause.message : "something that runs no statements";
  return new FlowForgeError("transaction_invalid", {
    subject: 'option "tx"',
    expected: "a client of pg after BEGIN, or a transaction of Kysely, that is open",
    received: REASONS[errorCode(cause)] ?? closed ?? message,
    next: "Nothing was stored. Begin a transaction first and pass it, or use engine.transaction(async (tx) => ...).",
    ...(cause === null ? {} : { cause }),
  });
}
