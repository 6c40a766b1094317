/** What goes into `sql.query`, and what comes out of it. */
import { z } from "zod";
import type { Json } from "../core/json.ts";
import { leadingWord } from "./sql-text.ts";

/** What a workflow passes to `sql.query`. */
export interface SqlQuery {
  /** A credential that the node's `credentials` names: `host`, `port`, `database`, `username`, `password`, `tls`, `ca`. */
  readonly credential: string;
  /**
   * One statement, with `$1`, `$2` where values go. It holds no template, which would make SQL of whatever it is filled with.
   * `BEGIN`, `COMMIT` and their like, `COPY` and `PREPARE` are refused.
   */
  readonly text: string;
  /** For `$1`, `$2` and so on. A list is an array, an object is JSON. Default: none. At most 65,535. */
  readonly values?: readonly Json[] | undefined;
  /** Whether it may change anything. Without it the transaction is read-only. Default `false`. */
  readonly write?: boolean | undefined;
  /** More rows fail, so that nothing is left out in silence. 1 to 10,000. Default 1,000. */
  readonly maxRows?: number | undefined;
  /** How long the database may take for one statement. 10 to 240,000. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /**
   * With `write`: the table that remembers which keys have taken effect, in the same database, as `name` or `schema.name`. It is created
   * where it is not there. It holds no template. Default `flowforge_inbox`.
   */
  readonly inbox?: string | undefined;
}

/** Its output. */
export interface SqlResult {
  /** By the names of the columns. `bigint`, `numeric`, dates and times are texts, as PostgreSQL writes them; `bytea` is base64. */
  readonly rows: readonly { readonly [column: string]: Json }[];
  /** How many rows were read or changed. */
  readonly rowCount: number;
}

const MAX_VALUES = 65_535;
export const DEFAULT_MAX_ROWS = 1_000;
export const DEFAULT_TIMEOUT_MS = 30_000;
export const DEFAULT_INBOX = "flowforge_inbox";

/** The transaction is the action's own; the others need more than one statement, or the connection itself. */
const REFUSED: ReadonlySet<string> = new Set([
  "abort",
  "begin",
  "commit",
  "copy",
  "end",
  "prepare",
  "release",
  "rollback",
  "savepoint",
  "start",
]);

const statement = z
  .string()
  .min(1)
  // It would end the text within the message that carries it.
  .refine((text) => !text.includes("\0"), "must not have a NUL in it")
  .refine((text) => !REFUSED.has(leadingWord(text)), {
    error: "must be one statement that leaves the transaction alone, and no COPY or PREPARE",
  });

const IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]{0,62}";
const tableName = z
  .string()
  .regex(new RegExp(`^(?:${IDENTIFIER}\\.)?${IDENTIFIER}$`), "must be a table, as name or schema.name");

export const sqlQueryInput: z.ZodType<SqlQuery, SqlQuery> = z.strictObject({
  credential: z.string(),
  text: statement,
  values: z.array(z.json()).max(MAX_VALUES).optional(),
  write: z.boolean().optional(),
  maxRows: z.int().min(1).max(10_000).optional(),
  timeoutMs: z.int().min(10).max(240_000).optional(),
  inbox: tableName.optional(),
});

export const sqlResult: z.ZodType<SqlResult, SqlResult> = z.object({
  rows: z.array(z.record(z.string(), z.json())),
  rowCount: z.int().min(0),
});
