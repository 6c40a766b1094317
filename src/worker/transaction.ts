/** The transaction of one attempt of a `transactional` action: opened with the attempt, ended with its outcome. */
import type { ActionContext } from "../core/definition/action.ts";
import type { Json } from "../core/json.ts";
import type { SqlTransaction, StoreTransaction } from "../core/ports/transactions.ts";
import type { Store } from "../core/ports/store.ts";
import { PermanentError } from "../core/run/failures.ts";
import { memoParts, type MemosOptions } from "./memos.ts";

/** `ctx.tx` of all other actions. */
export const NO_TRANSACTION: SqlTransaction = {
  query: () =>
    Promise.reject(new PermanentError('ctx.tx is there in actions with effect "transactional" alone.')),
};

export type TransactionContext = Pick<ActionContext<Json>, "tx" | "step" | "checkpoint" | "lastCheckpoint">;

export class AttemptTransaction {
  readonly #store: Store["transactions"];
  readonly #memos: Omit<MemosOptions, "store" | "stopped">;
  #open: StoreTransaction<Store["commitLocked"]> | null = null;
  #isOver = false;
  /** Why the commit failed. */
  error: unknown = null;

  constructor(store: Store["transactions"], memos: Omit<MemosOptions, "store" | "stopped">) {
    this.#store = store;
    this.#memos = memos;
  }

  /** What the action gets of it. Its memos are not asked for again: an error has ended the transaction. */
  async begin(signal: AbortSignal): Promise<TransactionContext> {
    if (!this.#store) throw new PermanentError("This store has no transactions for actions.");
    const transaction = await this.#store.begin(signal);
    this.#open = transaction;
    if (this.#isOver) await transaction.rollback();
    return {
      tx: transaction.sql,
      ...memoParts({ ...this.#memos, store: transaction, stopped: () => true }),
    };
  }

  /** Once; what it throws is kept. */
  readonly commit: Store["commitLocked"] = async (request, decide) => {
    try {
      return await this.#open!.commit(request, decide);
    } catch (error) {
      this.error = error;
      throw error;
    }
  };

  async rollback(): Promise<void> {
    this.#isOver = true;
    await this.#open?.rollback();
  }
}
