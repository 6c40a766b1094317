/** `engine.transaction`, and what is known of runs and events that are part of a transaction. */
import type { ClientBase } from "pg";
import type { Logger } from "../core/ports/logger.ts";
import type { HostTransactions } from "../postgres/host-transactions.ts";

/** A transaction that a start is part of. */
export interface Pledge {
  /** Only known where the engine itself has opened the transaction. */
  isOpen(): boolean;
  /** Whether the engine hears of its end. */
  readonly isOwn: boolean;
}

/** Nobody tells when a transaction of the caller's ends. */
const CALLERS: Pledge = { isOwn: false, isOpen: () => false };

/** A run that was started in a transaction of the engine's, or an event that was published in it. */
interface Started {
  readonly id: string;
  dispatch(): Promise<void>;
}

interface Opened extends Pledge {
  readonly started: Map<string, Started>;
}

export class OwnTransactions {
  readonly #transactions: HostTransactions;
  readonly #logger: Logger;
  readonly #opened = new WeakMap<object, Opened>();

  constructor(transactions: HostTransactions, logger: Logger) {
    this.#transactions = transactions;
    this.#logger = logger;
  }

  /** What is known of the transaction that a start is part of. */
  pledge(tx: object): Pledge {
    return this.#opened.get(tx) ?? CALLERS;
  }

  /** After the commit it goes on at once. */
  note(tx: object, started: Started): void {
    this.#opened.get(tx)?.started.set(started.id, started);
  }

  async run<T>(work: (tx: ClientBase) => Promise<T>): Promise<T> {
    let isOpen = true;
    const opened: Opened = { isOwn: true, isOpen: () => isOpen, started: new Map() };
    try {
      const result = await this.#transactions.run(async (tx) => {
        this.#opened.set(tx, opened);
        try {
          return await work(tx);
        } finally {
          this.#opened.delete(tx);
        }
      });
      isOpen = false;
      for (const each of opened.started.values())
        void each.dispatch().catch((error) => this.#failed(each, error));
      return result;
    } finally {
      isOpen = false;
    }
  }

  #failed({ id }: Started, error: unknown): void {
    const what = "a run or event was not handed over after its commit; it is found";
    this.#logger.debug({ error, id }, what);
  }
}
