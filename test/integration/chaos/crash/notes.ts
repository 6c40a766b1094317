/** Executions of actions, noted in a database of their own: what a stopped process did is known all the same. */
import type { ActionContext, Json } from "../../../../src/index.ts";

export interface Execution {
  readonly run_id: string;
  /** Of a part of an action: `<node>/<part>`. Of an item: `<node>[<item>]`. */
  readonly node: string;
  readonly attempt: number;
  readonly pid: number;
  readonly key: string;
}

export const NOTES_TABLE =
  "create table effects (id bigserial, run_id text, node text, attempt int, pid int, key text)";

type Query = (text: string, values: readonly unknown[]) => Promise<unknown>;

export function noteIn(query: Query): (context: ActionContext<Json>, part?: string) => Promise<void> {
  return async ({ run, node, attempt, idempotencyKey }, part) => {
    const place = node.item < 0 ? node.id : `${node.id}[${node.item}]`;
    const name = part === undefined ? place : `${place}/${part}`;
    await query("insert into effects (run_id, node, attempt, pid, key) values ($1, $2, $3, $4, $5)", [
      run.id,
      name,
      attempt,
      process.pid,
      idempotencyKey,
    ]);
  };
}
