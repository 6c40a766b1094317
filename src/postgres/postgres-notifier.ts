/**
 * The notifier over LISTEN and NOTIFY. One connection listens and does nothing else. Another notifies, outside every other
 * transaction: a commit with a notification takes a lock of the whole server, which the hot transactions must never wait for.
 * For the same reason notifications are gathered for a few milliseconds.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Pool, PoolConfig } from "pg";
import { Notices, noticedRuns, type NoticeKind } from "../core/notices.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Notifier } from "../core/ports/notifier.ts";
import { unreachable } from "../postgres-connection/failures.ts";
import { ownSettings, targetOf, type Connection } from "../postgres-connection/own-settings.ts";
import { SteadyClient } from "../postgres-connection/steady-client.ts";

export interface PostgresNotifierOptions {
  /** Of a pool only the settings are used: it is neither used nor closed. Must reach the server directly, not through PgBouncer. */
  readonly postgres: Connection;
  /** Begins the names of both channels; at most 56 bytes. */
  readonly prefix: string;
  readonly logger: Logger;
}

const GATHER_MS = 5;
const ANSWER_MS = 2_000;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 2_000;

/** `open`, `watch` and `moved` throw `postgres_unreachable`. */
export function createPostgresNotifier(options: PostgresNotifierOptions): Notifier {
  return new PostgresNotifier(options);
}

class PostgresNotifier implements Notifier {
  readonly #settings: PoolConfig;
  readonly #target: string;
  readonly #prefix: string;
  readonly #logger: Logger;
  readonly #notices: Notices;
  readonly #sender = randomUUID();
  readonly #listeners = {
    watch: new Set<(runId: string) => void>(),
    moved: new Set<(runId: string) => void>(),
  };
  readonly #closing = new AbortController();
  #speaker: Pool | null = null;
  #ear: pg.Client | null = null;

  constructor({ postgres, prefix, logger }: PostgresNotifierOptions) {
    const settings = { ...ownSettings(postgres), connectionTimeoutMillis: ANSWER_MS, keepAlive: true };
    this.#settings = { ...settings, keepAliveInitialDelayMillis: 10_000 };
    this.#target = targetOf(this.#settings);
    this.#prefix = prefix;
    this.#logger = logger;
    const send = (kind: NoticeKind, messages: readonly string[]): Promise<void> =>
      this.#notify(kind, messages);
    this.#notices = new Notices({ sender: this.#sender, send, gather: () => sleep(GATHER_MS) });
  }

  async open(): Promise<void> {
    this.#speaker = new pg.Pool({
      ...this.#settings,
      Client: SteadyClient,
      max: 1,
      idleTimeoutMillis: 0,
      query_timeout: ANSWER_MS,
    });
    this.#speaker.on("error", () => undefined);
    try {
      await this.#listen();
    } catch (error) {
      await this.close();
      throw unreachable(this.#target, error);
    }
  }

  watch(runId: string): Promise<void> {
    return this.#notices.add("watch", [runId]);
  }

  onWatch(listener: (runId: string) => void): void {
    this.#listeners.watch.add(listener);
  }

  moved(runIds: readonly string[]): Promise<void> {
    return this.#notices.add("moved", runIds);
  }

  onMoved(listener: (runId: string) => void): void {
    this.#listeners.moved.add(listener);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const [ear, speaker] = [this.#ear, this.#speaker];
    this.#ear = null;
    this.#speaker = null;
    await Promise.all([ear?.end().catch(() => undefined), speaker?.end().catch(() => undefined)]);
  }

  async #notify(kind: NoticeKind, messages: readonly string[]): Promise<void> {
    if (this.#speaker === null) return;
    try {
      const text = "select pg_notify($1, message) from unnest($2::text[]) as message";
      await this.#speaker.query(text, [this.#channel(kind), messages]);
    } catch (error) {
      throw unreachable(this.#target, error);
    }
  }

  async #listen(): Promise<void> {
    const ear = new SteadyClient(this.#settings);
    let over = false;
    const lost = (error?: unknown): void => {
      if (over || this.#ear !== ear) return;
      over = true;
      this.#ear = null;
      void ear.end().catch(() => undefined);
      this.#logger.debug(
        { error, postgres: this.#target },
        "the notifier lost its connection and makes a new one",
      );
      void this.#listenAgain();
    };
    ear.on("error", lost);
    ear.on("end", lost);
    ear.on("notification", ({ channel, payload }) => {
      const kind: NoticeKind = channel === this.#channel("watch") ? "watch" : "moved";
      for (const runId of noticedRuns(payload ?? "", this.#sender))
        for (const tell of this.#listeners[kind]) tell(runId);
    });
    try {
      await ear.connect();
      await ear.query(`listen ${this.#quoted("watch")}; listen ${this.#quoted("moved")}`);
    } catch (error) {
      void ear.end().catch(() => undefined);
      throw error;
    }
    if (this.#closing.signal.aborted) return ear.end();
    this.#ear = ear;
  }

  async #listenAgain(): Promise<void> {
    for (
      let delayMs = FIRST_RETRY_MS;
      !this.#closing.signal.aborted;
      delayMs = Math.min(2 * delayMs, LAST_RETRY_MS)
    ) {
      try {
        await sleep(delayMs * (0.75 + Math.random() * 0.5), undefined, { signal: this.#closing.signal });
        return await this.#listen();
      } catch (error) {
        this.#logger.debug(
          { error, postgres: this.#target },
          "the notifier could not connect; it tries again",
        );
      }
    }
  }

  #channel(kind: NoticeKind): string {
    return `${this.#prefix}_${kind}`;
  }

  #quoted(kind: NoticeKind): string {
    return `"${this.#channel(kind).replaceAll('"', '""')}"`;
  }
}
