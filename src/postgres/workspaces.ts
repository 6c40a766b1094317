/**
 * Workspaces as a whole: see `WorkspaceStore`. A table that has a column `workspace` or `run_id` is named here or in `TABLES_OF_RUNS`; a
 * test holds these lists and the catalog together.
 */
import { isNothing, NOTHING, type WorkspaceCounts, type WorkspaceStore } from "../core/ports/workspaces.ts";
import { HOUR_MS, MINUTE_MS } from "../core/statistics/series.ts";
import { uuidArray } from "./arrays.ts";
import type { Credentials } from "./credentials.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";

/** With rows of a workspace that no run owns; credentials are deleted with the keys that seal them. */
export const TABLES_OF_WORKSPACES = [
  "schedules",
  "polls",
  "poll_items",
  "triggers",
  "workflows",
  "workflow_versions",
  "webhook_deliveries",
  "events",
  "idempotency_keys",
  "action_keys",
  "action_key_waiters",
  "counts",
  "depth_samples",
  "feeds",
  "feed_events",
  "audit",
  "workspace_limits",
  "workspace_buckets",
  "start_quotas",
  "payload_quotas",
  "workspace_places",
  "breakers",
  "parked_nodes",
] as const;

/** Where a workspace is found that has nothing else. */
const SOURCES = [
  "runs",
  "workflows",
  "schedules",
  "polls",
  "credentials",
  "data_keys",
  "webhook_deliveries",
  "events",
  "idempotency_keys",
  "action_keys",
];

/** What makes the index of a table fit whose first column is another one. */
const BEFORE_WORKSPACE: { readonly [table: string]: string } = {
  counts: `o.unit_ms in (${MINUTE_MS}, ${HOUR_MS}) and `,
};

/** What an action that still runs may write for a run that is deleted comes within this time. */
const LINGER_MS = 60_000;

/** About how many rows a run has in a table. */
const ROWS_OF_RUN = 10;

interface Parts {
  readonly pool: ConnectionPool;
  readonly s: string;
  readonly credentials: Credentials;
  /** See `RetentionStore`. */
  clear(limit: number): Promise<boolean>;
}

export function workspaceStore(parts: Parts): WorkspaceStore {
  const { pool, s } = parts;
  return {
    list: async ({ after, limit }) => {
      const rows = await pool.query<{ workspace: string }>({
        text: listText(s),
        values: [after ?? null, limit],
      });
      return rows.map(({ workspace }) => workspace);
    },
    counts: async (workspace) => {
      const [row] = await pool.query<WorkspaceCounts>({ text: countsText(s), values: [workspace] });
      return row!;
    },
    underWay: async (workspace) => {
      const [row] = await pool.query<{ n: number }>({
        text: `select count(*) as n from ${s}.runs r where r.workspace = $1 and r.finished_at is null`,
        values: [workspace],
      });
      return row!.n;
    },
    erase: (workspace, limit) => erase(parts, workspace, limit),
  };
}

/** Jumps from workspace to workspace, in the index of each table. */
function listText(s: string): string {
  const next = (after: string): string => {
    const each = SOURCES.map(
      (table) => `(select t.workspace from ${s}.${table} t where ${after} order by t.workspace limit 1)`,
    );
    return `select min(a.workspace) as workspace from (${each.join(" union all ")}) a`;
  };
  return `with recursive found as (
  (${next("$1::text is null or t.workspace > $1")})
  union all
  select n.workspace from found f cross join lateral (${next("t.workspace > f.workspace")}) n where f.workspace is not null)
select workspace from found where workspace is not null limit $2`;
}

function countsText(s: string): string {
  const count = (table: string): string => `(select count(*) from ${s}.${table} t where t.workspace = $1)`;
  return `select ${count("runs")} as runs, ${count("workflow_versions")} as versions, ${count("schedules")} as schedules,
  ${count("polls")} as polls, ${count("events")} as events, ${count("credentials")} as credentials, ${count("data_keys")} as "dataKeys", ${count("webhook_deliveries")} as deliveries,
  ${count("idempotency_keys")} + ${count("action_keys")} as keys`;
}

async function erase(parts: Parts, workspace: string, limit: number): Promise<WorkspaceCounts> {
  const { pool, s, credentials, clear } = parts;
  for (;;) {
    const [row] = await pool.query<WorkspaceCounts & { most: number }>({
      text: eraseText(s),
      values: [workspace, limit],
    });
    const { most, ...rows } = row!;
    const gone = { ...NOTHING, ...rows, runs: await eraseRuns(parts, workspace, limit) };
    if (!isNothing(gone)) return gone;
    // Of what is not counted there may be more.
    if (most === 0) break;
  }
  while (await clear(ROWS_OF_RUN * limit));
  const [left] = await pool.query<WorkspaceCounts>({ text: countsText(s), values: [workspace] });
  return { ...NOTHING, dataKeys: left!.dataKeys, ...(await credentials.shred(workspace)) };
}

/** Without triggers nothing begins any more; what a version's number meant stays known by a hash, so that it never means anything else. */
function eraseText(s: string): string {
  const parts = TABLES_OF_WORKSPACES.map(
    (table) => `${table}_gone as (delete from ${s}.${table} t where t.ctid = any(array(
      select o.ctid from ${s}.${table} o where ${BEFORE_WORKSPACE[table] ?? ""}o.workspace = $1 limit $2)) returning ${table === "workflows" ? "t.name, t.newest" : "1"})`,
  );
  const known = `remembered as (
  insert into ${s}.erased_workflows as e (name_hash, newest) select ${workflowHash("$1::text", "g.name")}, g.newest from workflows_gone g
  on conflict (name_hash) do update set newest = greatest(e.newest, excluded.newest))`;
  const count = (table: string): string => `(select count(*) from ${table}_gone)`;
  return `with ${[...parts, known].join(",\n")}
select ${count("workflow_versions")} as versions, ${count("schedules")} as schedules, ${count("polls")} as polls,
  ${count("webhook_deliveries")} as deliveries, ${count("events")} as events,
  ${count("idempotency_keys")} + ${count("action_keys")} as keys,
  greatest(${TABLES_OF_WORKSPACES.map(count).join(", ")}) as most`;
}

/** Under what the newest version of an erased workflow is known. */
export function workflowHash(workspace: string, name: string): string {
  return `sha256(convert_to(length(${workspace}) || ' ' || ${workspace} || ${name}, 'UTF8'))`;
}

/** Whoever holds a run holds it for a moment, and finds it gone afterwards. */
async function eraseRuns({ pool, s, clear }: Parts, workspace: string, limit: number): Promise<number> {
  const gone = await pool.query<{ id: string }>({
    text: `with clock as materialized (select ${s}.now() as t),
      few as materialized (select r.id from ${s}.runs r where r.workspace = $1 order by r.created_at, r.id limit $2),
      old as materialized (
        select r.id, r.finished_at is null as runs from ${s}.runs r where r.id in (select few.id from few) order by r.id for update),
      gone as (delete from ${s}.runs r using old where r.id = old.id returning r.id, old.runs),
      noted as (insert into ${s}.deleted_runs (run_id, until)
        select gone.id, case when gone.runs then clock.t + ${LINGER_MS} else 0 end from gone, clock on conflict do nothing)
      select gone.id from gone`,
    values: [workspace, limit],
  });
  if (gone.length === 0) return 0;
  const ids = uuidArray(gone.map(({ id }) => id));
  do while (await clear(ROWS_OF_RUN * limit));
  while (await isLeft({ pool, s }, ids));
  return gone.length;
}

/** Waits for others that clear some of them right now. */
async function isLeft({ pool, s }: Pick<Parts, "pool" | "s">, ids: Buffer): Promise<boolean> {
  const left = await pool.query({
    text: `select 1 as one from ${s}.deleted_runs m where m.run_id = any($1::uuid[]) and m.look_at <= ${s}.now()
      for update`,
    values: [ids],
  });
  return left.length > 0;
}
