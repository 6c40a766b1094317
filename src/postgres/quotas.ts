/** What workspaces may start and store: see `QuotaStore`. */
import { fullTokens } from "../core/limits/bucket.ts";
import type { QuotaStore } from "../core/ports/allowances.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { bucketStore } from "./buckets.ts";

export function quotaStore(pool: ConnectionPool, s: string): QuotaStore {
  const starts = bucketStore(pool, s, { table: "start_quotas", fresh: fullTokens });
  const payloadBytes = bucketStore(pool, s, { table: "payload_quotas", fresh: fullTokens });
  return {
    starts: (asks) => starts.take(asks),
    payloadBytes: (asks) => payloadBytes.take(asks),
    async storedRuns(workspace, most) {
      const [row] = await pool.query<{ n: number }>({
        name: "flowforge_stored_runs",
        text: `select count(*) as n from (select 1 from ${s}.runs where workspace = $1 limit $2) r`,
        values: [workspace, most],
      });
      return row!.n;
    },
  };
}
