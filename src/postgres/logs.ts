/** Log lines of node runs: see `LogStore`. Nothing else is written with them, and nothing waits for them. */
import type { LogStore, StoredLogLine } from "../core/ports/logs.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { int4Array, int8Array, jsonArray, textArray, uuidArray } from "./arrays.ts";
import { isRunId } from "./names.ts";

export function logStore(pool: ConnectionPool, s: string): LogStore {
  return {
    async append(lines) {
      if (lines.length === 0) return;
      await pool.query({
        name: "flowforge_logs",
        text: `insert into ${s}.node_logs (run_id, at, item, attempt, node, level, message, fields)
          select run_id, at, item, attempt, node, level, message, fields
          from unnest($1::uuid[], $2::int8[], $3::int4[], $4::int4[], $5::text[], $6::text[], $7::text[], $8::json[])
            with ordinality as l (run_id, at, item, attempt, node, level, message, fields, i) order by i`,
        values: [
          uuidArray(lines.map((line) => line.runId)),
          int8Array(lines.map((line) => Math.floor(line.at))),
          int4Array(lines.map((line) => line.item)),
          int4Array(lines.map((line) => line.attempt)),
          textArray(lines.map((line) => line.node)),
          textArray(lines.map((line) => line.level)),
          textArray(lines.map((line) => line.message)),
          jsonArray(lines.map((line) => line.fields)),
        ],
      });
    },
    async page({ workspace, runId, node, item, after, limit }) {
      if (!isRunId(runId)) return [];
      return pool.query<StoredLogLine>({
        text: `select l.seq, l.at, l.item, l.attempt, l.node, l.level, l.message, l.fields from ${s}.node_logs l
          where l.run_id = $2 and l.seq > $3 and ($4::text is null or l.node = $4) and ($5::int4 is null or l.item = $5)
            and exists (select from ${s}.runs r where r.id = $2 and r.workspace = $1)
          order by l.seq limit $6`,
        values: [workspace, runId, after, node ?? null, item ?? null, limit],
      });
    },
  };
}
