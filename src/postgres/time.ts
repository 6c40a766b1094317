/**
 * The store's clock: `<schema>.now()`, in milliseconds since 1970. Every statement reads it once, so all rows of a commit
 * carry one time. The planner inlines it; tests replace it to make days pass.
 */
import type { ConnectionPool } from "./pool.ts";

export async function storeNow(pool: ConnectionPool, schema: string): Promise<number> {
  const [row] = await pool.query<{ now: number }>({ text: `select ${schema}.now() as now` });
  return row!.now;
}

/** For tests: moves the clock of this schema. `ms` counts from the real time, not from an earlier shift; 0 takes it back. */
export async function shiftClock(pool: ConnectionPool, schema: string, ms: number): Promise<void> {
  const offset = Math.trunc(ms);
  await pool.query({
    text: `create or replace function ${schema}.now() returns bigint language sql volatile parallel safe
       as $$ select floor(extract(epoch from clock_timestamp()) * 1000)::bigint + ${offset}::bigint $$`,
  });
}
