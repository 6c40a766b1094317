/** Lines that actions wrote, kept with their runs. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface NewLogLine {
  readonly runId: string;
  readonly node: string;
  /** -1: of the node run itself. */
  readonly item: number;
  readonly attempt: number;
  /** Milliseconds since 1970 by the store's clock, as the process knows it. */
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  /** JSON text of an object. `null`: there are no fields. */
  readonly fields: string | null;
}

export interface LogQuery {
  readonly workspace: string;
  readonly runId: string;
  readonly node?: string | undefined;
  readonly item?: number | undefined;
  /** Only lines behind this one. */
  readonly after: number;
  readonly limit: number;
}

export interface StoredLogLine extends Omit<NewLogLine, "runId"> {
  /** Grows from line to line, in the order in which they were stored. */
  readonly seq: number;
}

export interface LogStore {
  /** Lines of runs that are gone are stored as well, and deleted with the next runs. */
  append(lines: readonly NewLogLine[]): Promise<void>;
  /** Empty where the workspace has no such run. */
  page(query: LogQuery): Promise<readonly StoredLogLine[]>;
}
