/** Transactions of actions: what an action writes and its result are one commit, or neither is. */
import type { MemoStore } from "./memos.ts";

/** Runs statements in the transaction that records the result of the action. */
export interface SqlTransaction {
  /**
   * One statement, with its values as `$1`, `$2` ... Values come back as `pg` gives them. The engine begins and ends the transaction:
   * statements that would do so are refused. After an error the transaction can only be rolled back; savepoints help.
   */
  query<Row extends object = { readonly [column: string]: unknown }>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: Row[]; readonly rowCount: number | null }>;
}

/** An open transaction of one attempt; its memos are part of it. One of `commit` and `rollback` ends it. `Commit`: as `Store.commitLocked`. */
export interface StoreTransaction<Commit> extends MemoStore {
  readonly sql: SqlTransaction;
  /**
   * Locks the run, lets `decide` look at it, writes what it returns and commits. `null`, of `decide` and so of this: everything is
   * rolled back. So it is after every error, but for `commit_outcome_unknown`: then the run, once it is not locked any more, says what
   * happened. The only other verdicts are `committed` and `failed`.
   */
  readonly commit: Commit;
  /** Never rejects. Where the server does not answer the connection is given up, which does the same. */
  rollback(): Promise<void>;
}

export interface TransactionStore<Commit> {
  /** Waits while too many are open; rejects with the reason of `signal` where that is told first. */
  begin(signal: AbortSignal): Promise<StoreTransaction<Commit>>;
}
