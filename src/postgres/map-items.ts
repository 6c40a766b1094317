/** The items of a map for people, page by page. */
import type { Json } from "../core/json.ts";
import type { MapPage, MapQuery, NodeRunDetail } from "../core/ports/store.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { textArray } from "./arrays.ts";
import { whole } from "./blobs.ts";
import { isRunId } from "./names.ts";
import { NODE_ARRAY, type NodeArray, nodeRecord } from "./rows.ts";

type Absent = null;
/** The flags tell JSON's null from no value at all. */
type ItemArray = readonly [
  row: NodeArray,
  retryAt: number | null,
  hasInput: boolean,
  input: Json | Absent,
  hasOutput: boolean,
  output: Json | Absent,
];

interface PageRow {
  readonly total: number;
  readonly next: number;
  readonly running: number;
  readonly waiting: number;
  readonly done: number;
  readonly failed: number;
  readonly open: number;
  readonly items: string | null;
}

/** One statement: counts and items are of one moment. */
export async function mapPage(pool: ConnectionPool, s: string, query: MapQuery): Promise<MapPage | null> {
  const { workspace, runId, node, status, after = -1, limit } = query;
  if (!isRunId(runId)) return null;
  const [row] = await pool.query<PageRow>({
    name: "flowforge_map_page",
    text: `select u.total, u.next, u.running, u.waiting, u.done, u.failed, u.open,
      (select json_agg(json_build_array(${NODE_ARRAY}, n.retry_at, n.input is not null, ${whole(s, "n.input", "n.run_id")},
        n.output is not null, ${whole(s, "n.output", "n.run_id")}) order by n.item)
        from (select i.* from ${s}.node_runs i where i.run_id = u.run_id and i.node = u.node and i.item > $4
          and ($5::text[] is null or i.status = any($5)) order by i.item limit $6) n) as items
      from ${s}.maps u join ${s}.runs r on r.id = u.run_id where r.workspace = $1 and u.run_id = $2 and u.node = $3`,
    values: [workspace, runId, node, after, status ? textArray(status) : null, limit],
  });
  if (!row) return null;
  const { items, ...counts } = row;
  const rows = (items === null ? [] : JSON.parse(items)) as readonly ItemArray[];
  return { counts, items: rows.map(itemDetail) };
}

function itemDetail([row, retryAt, hasInput, input, hasOutput, output]: ItemArray): NodeRunDetail {
  return {
    ...nodeRecord(row),
    dueAt: retryAt,
    input: hasInput ? input : undefined,
    output: hasOutput ? output : undefined,
  };
}
