/** `sql.query`: one statement on a PostgreSQL database that is not the engine's. */
import { createHash } from "node:crypto";
import { type Action, type ActionContext, defineAction } from "../core/definition/action.ts";
import { PermanentError } from "../core/run/failures.ts";
import { sqlAccount } from "./sql-account.ts";
import { SqlError } from "./sql-error.ts";
import { type Effect, Inbox } from "./sql-inbox.ts";
import { assertColumns, Rows } from "./sql-rows.ts";
import { inSession, type SqlSession } from "./sql-session.ts";
import {
  DEFAULT_INBOX,
  DEFAULT_MAX_ROWS,
  DEFAULT_TIMEOUT_MS,
  type SqlQuery,
  sqlQueryInput,
  type SqlResult,
  sqlResult,
} from "./sql-types.ts";
import { parameterOf } from "./sql-values.ts";

/**
 * Sends one statement, with values as parameters and never as a part of its text, to the database of a credential.
 *
 * It reads, in a transaction that is read-only, unless `write` says otherwise. A write happens exactly once: its transaction also writes the
 * idempotency key and the result into a table of that database (`inbox`), and an attempt that finds its key there gives that result and does
 * nothing. The rows of that table may be deleted when no attempt can follow any more.
 *
 * Errors with an SQLSTATE are as FlowForge reads them: conflicts, lost connections and timeouts are tried again, the rest is permanent. A
 * certificate that is not trusted fails for good, as do more than `maxRows` rows and more than 1 MiB; then nothing was written.
 */
export const sqlQuery: Action<SqlQuery, SqlResult> = defineAction({
  name: "sql.query",
  target: null,
  description: "Sends a statement to a PostgreSQL database.",
  input: sqlQueryInput,
  output: sqlResult,
  constants: ["text", "inbox"],
  effect: { kind: "idempotent", keyLifetime: "3650d" },
  timeout: "5m",
  effectOf: ({ write }) => (write ? undefined : "readonly"),
  classify: (error) => (error instanceof SqlError ? error.meaning : undefined),
  run,
});

/** To connect, and for the statements around the one that it is about. */
const MARGIN_MS = 20_000;
/** Where a transaction ended within the statement. */
const ENDS: ReadonlySet<string> = new Set(["COMMIT", "ROLLBACK", "PREPARE"]);

async function run(context: ActionContext<SqlQuery>): Promise<SqlResult> {
  const { input, idempotencyKey } = context;
  const account = sqlAccount(input.credential, await context.credential(input.credential));
  const settings = { account, totalMs: timeoutOf(input) + MARGIN_MS };
  return inSession(settings, context, async (session) => {
    if (!input.write) {
      await begin(session, input);
      return answerOf(session, input);
    }
    return writeOnce(session, input, { key: idempotencyKey, fingerprint: fingerprintOf(input) });
  });
}

async function writeOnce(session: SqlSession, input: SqlQuery, effect: Effect): Promise<SqlResult> {
  const inbox = new Inbox(session, input.inbox ?? DEFAULT_INBOX);
  await begin(session, input);
  let isNew = await inbox.claim(effect);
  if (isNew === undefined) {
    await session.command("rollback");
    await inbox.create();
    await begin(session, input);
    isNew = await inbox.claim(effect);
  }
  if (!isNew) return inbox.recall(effect);
  const result = await answerOf(session, input);
  await inbox.keep(effect, result);
  session.stage = "commit";
  await session.command("commit");
  return result;
}

/** What is read depends on no setting of the server or of the role. */
async function begin(session: SqlSession, input: SqlQuery): Promise<void> {
  session.stage = input.write ? "write" : "read";
  const ms = timeoutOf(input);
  await session.command(
    `begin${input.write ? "" : " read only"}; set local statement_timeout = ${ms}; ` +
      `set local idle_in_transaction_session_timeout = ${ms + MARGIN_MS}; set local datestyle = iso; set local bytea_output = hex`,
  );
}

async function answerOf(session: SqlSession, { text, values = [], maxRows }: SqlQuery): Promise<SqlResult> {
  const found = new Rows(maxRows ?? DEFAULT_MAX_ROWS);
  const { command, rowCount, columns } = await session.query({
    text,
    values: values.map(parameterOf),
    onRow: found.add.bind(found),
  });
  assertColumns(columns);
  if (!session.isInTransaction || ENDS.has(command))
    throw new PermanentError(`The statement has ended the transaction that it was part of (${command}).`);
  return { rows: found.rows, rowCount: rowCount ?? 0 };
}

function timeoutOf({ timeoutMs = DEFAULT_TIMEOUT_MS }: SqlQuery): number {
  return timeoutMs;
}

function fingerprintOf({ text, values = [] }: SqlQuery): string {
  return createHash("sha256")
    .update(JSON.stringify([text, values]))
    .digest("hex");
}
