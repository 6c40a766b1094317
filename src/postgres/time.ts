/**
 * The store's clock: `<schema>.now()`, in milliseconds since 1970. Every statement reads it once, so all rows of a commit
 * carry one time. The planner inlines it; tests replace it to make days pass.
 */
import type { ConnectionPool } from "../postgres-connection/pool.ts";

export async function storeNow(pool: ConnectionPool, schema: string): Promise<number> {
  const [row] = await pool.query<{ now: number }>({ text: `select ${schema}.now() as now` });
  return row!.now;
}
