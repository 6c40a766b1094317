/**
 * Transactions of actions. Each holds a connection while host code runs, which keeps vacuum from its work everywhere: so they are few,
 * and one that is idle for a minute is ended by the server. The run's row is locked last, just before the commit.
 */
import type { TransactionStore, StoreTransaction, SqlTransaction } from "../core/ports/transactions.ts";
import type { Verdict } from "../core/ports/commit.ts";
import type { Store } from "../core/ports/store.ts";
import type { LoadRequest } from "../core/ports/stored-run.ts";
import type { MemoStore } from "../core/ports/memos.ts";
import { PermanentError } from "../core/run/failures.ts";
import type { PlainResult, Session } from "../postgres-connection/pool.ts";
import { type Decide, type LockedCommitParts, decideLocked } from "./locked-commit.ts";
import { memoStore } from "./memos.ts";

type Commit = Store["commitLocked"];

/** At once, in one process. */
export const MAX_TRANSACTIONS = 5;
const IDLE = "60s";
const ROLLBACK_MS = 5_000;

/** What would end the transaction, or begin another one. */
const CONTROL = /^\s*(?:begin|start|commit|end|abort|rollback(?!\s+to\b)|prepare\s+transaction)\b/i;

export function transactionStore(parts: LockedCommitParts): TransactionStore<Commit> {
  const places = new Places(MAX_TRANSACTIONS);
  return {
    async begin(signal) {
      await places.take(signal);
      const begun = Promise.withResolvers<StoreTransaction<Commit>>();
      const lent = parts.pool.use(async (session) => {
        await session.query({ text: `begin; set local idle_in_transaction_session_timeout = '${IDLE}'` });
        const transaction = new Transaction(session, parts);
        begun.resolve(transaction);
        await transaction.ended;
      });
      // What goes wrong later, the one who ends the transaction has heard of.
      void lent.catch(begun.reject).finally(() => places.leave());
      return begun.promise;
    },
  };
}

type Given = readonly [text: string, values?: readonly unknown[]];

class Transaction implements StoreTransaction<Commit> {
  readonly sql: SqlTransaction;
  readonly memos: MemoStore["memos"];
  readonly saveMemo: MemoStore["saveMemo"];
  readonly #session: Session;
  readonly #parts: LockedCommitParts;
  readonly #end = Promise.withResolvers<void>();
  #open = true;

  constructor(session: Session, parts: LockedCommitParts) {
    this.#session = session;
    this.#parts = parts;
    this.sql = { query: <Row extends object>(...given: Given) => this.#query<Row>(...given) };
    const memos = memoStore({ query: (statement) => this.#guarded().query(statement) }, parts.schema);
    this.memos = memos.memos;
    this.saveMemo = memos.saveMemo;
  }

  /** The connection is not needed any more; rejects where it is of no use any more. */
  get ended(): Promise<void> {
    return this.#end.promise;
  }

  async commit(request: LoadRequest, decide: Decide): Promise<Verdict | null> {
    this.#open = false;
    try {
      await this.#session.query({ text: "set local lock_timeout = '10s'" });
      const verdict = await decideLocked(this.#session, this.#parts, { request, decide });
      this.#end.resolve();
      if (verdict === null || verdict.type === "committed" || verdict.type === "failed") return verdict;
      throw new Error(`the run is ${verdict.type}, though it was locked`);
    } catch (error) {
      // A connection that broke is thrown away.
      this.#end.reject(error);
      throw error;
    }
  }

  async rollback(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error("connection ended: no answer")), ROLLBACK_MS);
    const answered = this.#session.query({ text: "rollback" });
    await Promise.race([answered, late.promise]).then(() => this.#end.resolve(), this.#end.reject);
    clearTimeout(timer);
  }

  async #query<Row extends object>(...[text, values = []]: Given): Promise<PlainResult<Row>> {
    if (CONTROL.test(text))
      throw new PermanentError("The engine begins and ends the transaction of an action.");
    return this.#guarded().plain<Row>(text, values);
  }

  #guarded(): Session {
    if (this.#open) return this.#session;
    throw new PermanentError("The transaction of this attempt is over.");
  }
}

/** So many at once; the others wait in their order. */
class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    const turn = Promise.withResolvers<void>();
    const leave = (): void => turn.reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    this.#waiting.push(turn.resolve);
    try {
      await turn.promise;
    } catch (error) {
      const at = this.#waiting.indexOf(turn.resolve);
      if (at >= 0) this.#waiting.splice(at, 1);
      throw error;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
