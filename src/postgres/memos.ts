/** Memos of node runs: see `MemoStore`. */
import type { Json } from "../core/json.ts";
import type { MemoRef, MemoStore } from "../core/ports/memos.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { parseJson } from "./rows.ts";

type Queries = Pick<ConnectionPool, "query">;

export function memoStore(pool: Queries, s: string): MemoStore {
  return {
    memos: (ref) => loadMemos(pool, s, ref),
    saveMemo: (ref, name, value) => saveMemo(pool, s, { ref, name, value }),
  };
}

async function loadMemos(
  pool: Queries,
  s: string,
  { runId, node, item, generation }: MemoRef,
): Promise<ReadonlyMap<string, Json>> {
  const rows = await pool.query<{ name: string; value: string }>({
    name: "flowforge_memos",
    text: `select m.name, m.value from ${s}.step_memos m
      where m.run_id = $1 and m.node = $2 and m.item = $3 and m.generation = $4`,
    values: [runId, node, item, generation],
  });
  return new Map(rows.map(({ name, value }) => [name, parseJson(value)]));
}

/**
 * The fence is read without a lock: one that moves at this very moment lets a last memo through, of a part that did end. The next
 * attempt finds it, or writes its own over it; what an older fence brings never replaces what a newer one wrote.
 */
async function saveMemo(
  pool: Queries,
  s: string,
  memo: { readonly ref: MemoRef; readonly name: string; readonly value: Json },
): Promise<boolean> {
  const { runId, node, item, generation, fence } = memo.ref;
  const rows = await pool.query({
    name: "flowforge_save_memo",
    text: `insert into ${s}.step_memos as m (run_id, node, item, generation, fence, name, value)
      select n.run_id, n.node, n.item, n.generation, n.fence, $6, $7::json from ${s}.node_runs n
      where n.run_id = $1 and n.node = $2 and n.item = $3 and n.generation = $4 and n.fence = $5 and n.status = 'running'
      on conflict (run_id, node, item, generation, name) do update set value = excluded.value, fence = excluded.fence
      where m.fence <= excluded.fence returning 1`,
    values: [runId, node, item, generation, fence, memo.name, JSON.stringify(memo.value)],
  });
  return rows.length > 0;
}
