/**
 * BullMQ's connection to PostgreSQL, on a pool of our own and with three habits mended:
 *
 * - its LISTEN client has no `error` listener between connecting and its first use, and none while it closes: our clients do not
 *   need one, and an error from that gap is told again, so that BullMQ does not go on listening to a dead connection;
 * - it asks for the version of the schema once and keeps a refusal for ever, so that a server that was away at that moment could
 *   never be used again: we have asked already, when the scheduler was opened;
 * - it does not end a pool that it was given.
 */
import { PostgresConnection, type PostgresConnectionOptions } from "bullmq";
import pg from "pg";
import type { PoolConfig } from "pg";
import { SteadyClient } from "../postgres-connection/steady-client.ts";

export interface QueueConnectionOptions {
  readonly settings: PoolConfig;
  /** Of the queue; an identifier that needs no escaping inside quotes. */
  readonly schema: string;
  readonly max: number;
  /** How long a connection or an answer may take. */
  readonly answerMs: number;
}

export class QueueConnection extends PostgresConnection {
  #ended: Promise<void> | undefined;

  constructor({ settings, schema, max, answerMs }: QueueConnectionOptions) {
    const pool = new pg.Pool({
      ...settings,
      Client: SteadyClient,
      options: `${settings.options ?? ""} -c search_path="${schema}"`,
      connectionTimeoutMillis: Math.min(answerMs, 10_000),
      query_timeout: answerMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      max,
      idleTimeoutMillis: 0,
    });
    super(pool as PostgresConnectionOptions);
  }

  override async waitUntilReady(): Promise<void> {}

  override async getListenClient(): ReturnType<PostgresConnection["getListenClient"]> {
    const client = await super.getListenClient();
    if (client instanceof SteadyClient) client.repeatUnheard();
    return client;
  }

  override async close(): Promise<void> {
    // The driver's `end()` does not wait for the server, and what a server that goes down next has to say is nobody's news.
    this.removeAllListeners("error").on("error", () => undefined);
    await super.close();
    await (this.#ended ??= this.pool.end());
  }
}
