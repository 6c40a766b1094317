/**
 * Keeps the lease while the event loop is blocked: a handler that computes for half a minute without a pause is slow, but not
 * dead, and its node runs must not be given to others.
 *
 * A thread of its own watches a sign of life that the main thread gives through shared memory. While there is one, heartbeats
 * come from the main thread and this one does nothing, not even connect. When it stays away the thread renews the worker's row,
 * for up to `PATIENCE_LEASES` leases; whoever is blocked for longer is taken for dead.
 */
import { Worker } from "node:worker_threads";
import type { LeaseKeeper } from "../core/ports/lease-keeper.ts";
import type { Logger } from "../core/ports/logger.ts";
import { type Connection, ownSettings } from "../postgres-connection/own-settings.ts";
import type { LeaseThreadData } from "./lease-keeper-thread.ts";
import { quoteSchema } from "./names.ts";

const PATIENCE_LEASES = 6;

export interface LeaseKeeperOptions {
  readonly postgres: Connection;
  readonly schema: string;
  readonly leaseMs: number;
  readonly logger: Logger;
}

export function createLeaseKeeper(options: LeaseKeeperOptions): LeaseKeeper {
  return new ThreadKeeper(options);
}

class ThreadKeeper implements LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  /** Nanoseconds of the process's monotonic clock, which all threads share. */
  readonly #signOfLife = new BigInt64Array(new SharedArrayBuffer(8));
  #thread: Worker | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  keep(workerId: string | null): void {
    if (workerId !== null) this.#thread ??= this.#start();
    this.#thread?.postMessage(workerId);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#thread?.terminate();
    this.#thread = null;
  }

  #start(): Worker | null {
    const { postgres, schema, leaseMs, logger } = this.#options;
    const data: LeaseThreadData = {
      settings: ownSettings(postgres),
      table: `${quoteSchema(schema)}.workers`,
      now: `${quoteSchema(schema)}.now()`,
      leaseMs,
      patienceMs: PATIENCE_LEASES * leaseMs,
      signOfLife: this.#signOfLife,
    };
    const without = (error: unknown): null => {
      clearInterval(this.#timer);
      this.#thread = null;
      logger.info({ error }, "no thread keeps the lease: a handler that blocks the event loop will lose it");
      return null;
    };
    try {
      const thread = new Worker(threadFile(), { workerData: data, name: "flowforge-lease" });
      thread.unref();
      thread.on("error", without);
      this.#live();
      this.#timer = setInterval(() => this.#live(), leaseMs / 10).unref();
      return thread;
    } catch (error) {
      // Settings with functions in them (a password that is asked for, a stream) cannot go to another thread.
      return without(error);
    }
  }

  #live(): void {
    Atomics.store(this.#signOfLife, 0, process.hrtime.bigint());
  }
}

/** Beside this file, as TypeScript in the repository and as JavaScript in the package. */
function threadFile(): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./lease-keeper-thread.${extension}`, import.meta.url);
}
