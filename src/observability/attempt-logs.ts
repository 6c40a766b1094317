/**
 * The loggers of attempts: every line goes to the host's logger with its run, workflow, workspace, node and attempt, and is kept with the
 * run. Lines are stored by the batch, a quarter of a second after the first at the latest, so that a step waits for none of them. What
 * was not stored when a process is killed is in the host's log only.
 */
import { FlowForgeError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { LogLevel, LogStore, NewLogLine } from "../core/ports/logs.ts";
import type { ObservedAttempt } from "../worker/observer.ts";
import { cut, fieldsText } from "./log-text.ts";

const FLUSH_MS = 250;
/** Lines of one statement, and lines that wait while PostgreSQL is away: then the oldest go. */
const PAGE = 500;
const MAX_WAITING = 10_000;
const MAX_MESSAGE = 8_192;
const MAX_FIELDS = 16_384;

/** What is kept of one attempt. */
export interface KeptLogs {
  /** 0: nothing is kept. */
  readonly lines: number;
  readonly bytes: number;
}

export interface AttemptLogsOptions {
  readonly store: Pick<LogStore, "append">;
  readonly logger: Logger;
  readonly kept: KeptLogs;
  /** Milliseconds since 1970 by the store's clock. */
  readonly now: () => number;
}

export class AttemptLogs {
  readonly #options: AttemptLogsOptions;
  #waiting: NewLogLine[] = [];
  #timer: NodeJS.Timeout | undefined;
  #storing: Promise<void> | null = null;

  constructor(options: AttemptLogsOptions) {
    this.#options = options;
  }

  /** For one attempt. What it is given is without secrets already. */
  logger(attempt: ObservedAttempt): Logger {
    const { logger, kept } = this.#options;
    const { runId, workspace, workflow, node, item, attempt: number } = attempt;
    const about = { runId, workflow, workspace, node, attempt: number, ...(item < 0 ? {} : { item }) };
    let lines = 0;
    let bytes = 0;
    const keep = (level: LogLevel, fields: object, message: string): void => {
      if (lines >= kept.lines) return;
      const line = this.#line(attempt, { level, fields, message });
      bytes += line.message.length + (line.fields?.length ?? 0);
      lines = bytes > kept.bytes ? kept.lines : lines + 1;
      if (lines < kept.lines) return this.#add(line);
      this.#add({ ...line, level: "warn", message: LEFT_OUT, fields: null });
    };
    const at =
      (level: LogLevel) =>
      (fields: object, message: string): void => {
        logger[level]({ ...fields, ...about }, message);
        // Whatever an action passes must not fail it.
        keep(level, Object(fields) as object, String(message));
      };
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  /** Stores what there is. Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#storing;
    if (this.#waiting.length === 0) return;
    this.#storing = this.#store();
    await this.#storing;
  }

  #line(
    { runId, node, item, attempt }: ObservedAttempt,
    given: { readonly level: LogLevel; readonly fields: object; readonly message: string },
  ): NewLogLine {
    const message = cut(given.message, MAX_MESSAGE);
    const fields = fieldsText(given.fields, MAX_FIELDS);
    return { runId, node, item, attempt, at: this.#options.now(), level: given.level, message, fields };
  }

  #add(line: NewLogLine): void {
    this.#waiting.push(line);
    if (this.#waiting.length > MAX_WAITING) this.#waiting.splice(0, this.#waiting.length - MAX_WAITING);
    if (this.#waiting.length === PAGE) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }

  async #store(): Promise<void> {
    while (this.#waiting.length > 0) {
      const page = this.#waiting.splice(0, PAGE);
      try {
        await this.#options.store.append(page);
      } catch (error) {
        // Nothing was sent. What was may be stored already, and no line is stored twice.
        const isKept = FlowForgeError.is(error) && error.code === "postgres_unreachable";
        if (isKept) this.#waiting.unshift(...page);
        this.#options.logger.debug({ error, lines: page.length }, "log lines could not be stored");
        if (isKept) this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS * 8).unref();
        return;
      }
    }
  }
}

const LEFT_OUT = "This line and the ones after it were not kept: the attempt has reached its limit.";
