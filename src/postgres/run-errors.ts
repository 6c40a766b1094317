/**
 * Runs by what their errors say. Errors are where they were written, with failed attempts and dead letters; texts in them have no index. So
 * the errors of a few runs are read, or all of them, which are fewer than runs.
 */
import { type Kysely, type RawBuilder, type SelectQueryBuilder, sql, type SqlBool } from "kysely";
import type { Tables } from "./tables.ts";

/** Ids of the runs of a workspace, and of others, with an error that has this text in its class, code or message. */
export function runsWithError(
  db: Kysely<Tables>,
  { workspace, text }: { readonly workspace: string; readonly text: string },
): SelectQueryBuilder<Tables, never, { run_id: string }> {
  return db
    .selectFrom("attempts as a")
    .select("a.run_id")
    .where(says("a.error", text))
    .unionAll(
      db
        .selectFrom("dead_letters as d")
        .select("d.run_id")
        .where("d.workspace", "=", workspace)
        .where(says("d.error", text)),
    );
}

/** Whether the run with the id in this column has such an error: for a few runs. */
export function hasError(db: Kysely<Tables>, column: string, text: string): RawBuilder<SqlBool> {
  const id = sql.ref<string>(column);
  const attempts = db.selectFrom("attempts as a").select("a.run_id").where("a.run_id", "=", id);
  const letters = db.selectFrom("dead_letters as d").select("d.run_id").where("d.run_id", "=", id);
  return sql<SqlBool>`(exists (${attempts.where(says("a.error", text))}) or exists (${letters.where(says("d.error", text))}))`;
}

function says(column: string, text: string): RawBuilder<SqlBool> {
  const error = sql.ref<string>(column);
  const part = (name: string): RawBuilder<string> => sql`${error} ->> ${sql.lit(name)}`;
  // Between the parts is a character that no text which is looked for can have.
  const parts = sql<string>`concat_ws(chr(10), ${part("class")}, ${part("code")}, ${part("message")})`;
  // Few errors have the text anywhere: only those are read as JSON.
  const anywhere = has(sql`${error}::text`, JSON.stringify(text).slice(1, -1));
  return sql<SqlBool>`(${anywhere} and ${has(parts, text)})`;
}

/** LIKE, not strpos: the planner takes it for rare, and does not count on finding a page of runs among the newest. */
function has(whole: RawBuilder<string>, text: string): RawBuilder<SqlBool> {
  const pattern = `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  return sql<SqlBool>`lower(${whole}) like lower(${pattern}::text)`;
}
