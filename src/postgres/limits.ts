/** What is set for workspaces: see `LimitStore`. Few rows, read whole by every process now and then. */
import type { JsonObject } from "../core/json.ts";
import type { LimitStore, StoredLimits } from "../core/ports/limits.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";

interface Row {
  readonly workspace: string;
  readonly plan: string | null;
  readonly limits: string;
}

/** Of a join that finds no row. */
interface Nothing {
  readonly workspace: null;
}

/** Longer than what was set at a time may take to be seen by others. */
const OVERLAP_MS = 10_000;

export function limitStore(pool: ConnectionPool, s: string): LimitStore {
  return {
    async set({ workspace, plan, limits }) {
      await pool.query({
        text: `insert into ${s}.workspace_limits (workspace, set_at, plan, limits) select $1, ${s}.now(), $2, $3
          on conflict (workspace) do update set set_at = excluded.set_at, plan = excluded.plan, limits = excluded.limits`,
        values: [workspace, plan, JSON.stringify(limits)],
      });
    },
    async get(workspace) {
      const [row] = await pool.query<Row>({
        text: `select l.workspace, l.plan, l.limits from ${s}.workspace_limits l where l.workspace = $1`,
        values: [workspace],
      });
      return row ? storedLimits(row) : null;
    },
    async since(time) {
      // The time is read before the rows.
      const rows = await pool.query<(Row | Nothing) & { readonly now: number }>({
        name: "flowforge_limits_since",
        text: `with clock as materialized (select ${s}.now() as t)
          select clock.t as now, l.workspace, l.plan, l.limits from clock
          left join ${s}.workspace_limits l on $1::int8 is null or l.set_at >= $1 - ${OVERLAP_MS}`,
        values: [time],
      });
      return {
        now: rows[0]!.now,
        limits: rows.flatMap((row) => (row.workspace === null ? [] : [storedLimits(row)])),
      };
    },
  };
}

function storedLimits({ workspace, plan, limits }: Row): StoredLimits {
  return { workspace, plan, limits: JSON.parse(limits) as JsonObject };
}
