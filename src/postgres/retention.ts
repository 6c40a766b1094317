/**
 * Retention: see `RetentionStore`. What is over is found by the age of its start, over the index that lists of runs use: an index by
 * the end would cost every run that ends a write to each of the indexes of `runs`. No statement reads or deletes more than a page.
 */
import type {
  ExpiredRun,
  ExpiredRuns,
  ExpiredRunsQuery,
  RetentionStore,
  RunPlace,
} from "../core/ports/retention.ts";
import { int8Array, uuidArray } from "./arrays.ts";
import type { ConnectionPool, Session } from "../postgres-connection/pool.ts";
import { HEADER_COLUMNS, type HeaderRow, runHeader } from "./rows.ts";

/** What has rows of a run, by its id, besides `runs`. The keys that a run took outlive it. */
export const TABLES_OF_RUNS = [
  "node_runs",
  "attempts",
  "step_memos",
  "node_logs",
  "maps",
  "dead_letters",
  "run_inbox",
  "run_blobs",
  "event_listeners",
  "run_gates",
  "run_workers",
  "child_ends",
  "action_key_waiters",
  "stuck_runs",
] as const;

/** Runs that are cleared at once. */
const CLEARED = 500;

export function retentionStore(pool: ConnectionPool, s: string): RetentionStore {
  return {
    workspaces: async ({ after, limit }) => {
      const rows = await pool.query<{ workspace: string }>({
        name: "flowforge_workspaces_with_runs",
        text: workspacesText(s),
        values: [after ?? null, limit],
      });
      return rows.map(({ workspace }) => workspace);
    },
    expired: (query) => expired(pool, s, query),
    delete: (runs) => deleteRuns(pool, s, runs),
    clear: (limit) => clear(pool, s, limit),
  };
}

/** Jumps from workspace to workspace in the index. */
function workspacesText(s: string): string {
  const next = (after: string): string =>
    `select r.workspace from ${s}.runs r where ${after} order by r.workspace limit 1`;
  return `with recursive found as (
  (${next("$1::text is null or r.workspace > $1")})
  union all
  select n.workspace from found f cross join lateral (${next("r.workspace > f.workspace")}) n)
select workspace from found limit $2`;
}

/** $4 to $7: how long each kind is kept. */
function isPast(r: string): string {
  return `(${r}.finished_at is not null and ${r}.finished_at <= clock.t - case when ${r}.dead_letters > 0 then $7::int8
    else case ${r}.status when 'succeeded' then $4::int8 when 'failed' then $5::int8 else $6::int8 end end)`;
}

/** Compared as a pair, which an index can start at. */
const FROM_PLACE = "r.workspace = $1 and (r.created_at, r.id) > ($2::int8, $3::uuid)";
const FIRST: RunPlace = { createdAt: -1, id: "00000000-0000-0000-0000-000000000000" };

/** A run that ended long enough ago began no later. */
function windowText(s: string): string {
  return `with clock as materialized (select ${s}.now() as t)
select w.created_at, w.id, count(*) over () as looked from (
  select r.created_at, r.id from ${s}.runs r where ${FROM_PLACE}
    and r.created_at <= (select t from clock) - least($4::int8, $5::int8, $6::int8, $7::int8)
  order by r.created_at, r.id limit $8) w
order by w.created_at desc, w.id desc limit 1`;
}

/** From $2, $3 to $8, $9. */
function treesText(s: string): string {
  return `with recursive clock as materialized (select ${s}.now() as t),
tops as materialized (
  select r.id from clock, ${s}.runs r where ${FROM_PLACE} and (r.created_at, r.id) <= ($8::int8, $9::uuid) and ${isPast("r")}
    and not exists (select from ${s}.runs p where p.id = r.parent_run)
    and not exists (
      with recursive below as (
        select c.id, c.status, c.finished_at, c.dead_letters from ${s}.runs c where c.parent_run = r.id
        union all
        select c.id, c.status, c.finished_at, c.dead_letters from below b join ${s}.runs c on c.parent_run = b.id)
      select from below where ${isPast("below")} is not true)),
tree as (
  select tops.id, tops.id as root, 0 as depth from tops
  union all
  select c.id, tree.root, tree.depth + 1 from tree join ${s}.runs c on c.parent_run = tree.id)
select tree.root, ${HEADER_COLUMNS} from tree join ${s}.runs r on r.id = tree.id
order by tree.depth, r.created_at, r.id limit $10`;
}

async function expired(
  pool: ConnectionPool,
  s: string,
  { workspace, keep, after = FIRST, limit }: ExpiredRunsQuery,
): Promise<ExpiredRuns> {
  const { succeeded, failed, cancelled, unresolved } = keep;
  const from = [workspace, after.createdAt, after.id];
  const times = [succeeded, failed, cancelled, unresolved];
  const [last] = await pool.query<{ created_at: number; id: string; looked: number }>({
    text: windowText(s),
    values: [...from, ...times, limit],
  });
  if (!last) return { runs: [], next: null };
  const rows = await pool.query<HeaderRow & { readonly root: string }>({
    text: treesText(s),
    values: [...from, ...times, last.created_at, last.id, limit],
  });
  const place = { createdAt: last.created_at, id: last.id };
  return {
    runs: rows.map((row) => ({ header: runHeader(row), root: row.root })),
    next: last.looked < limit ? null : place,
  };
}

/** `seq` says that a run is as it was found; whoever raises it meanwhile is not waited for, and whoever comes later finds nothing. */
function deleteText(s: string): string {
  return `with given as materialized (select * from unnest($1::uuid[], $2::int8[], $3::uuid[]) as g(id, seq, root)),
locked as materialized (
  select r.id, r.seq from ${s}.runs r where r.id = any($1::uuid[]) order by r.id for update skip locked),
going as materialized (
  select g.root from given g left join locked l on l.id = g.id and l.seq = g.seq
  group by g.root having bool_and(l.id is not null)),
gone as (
  delete from ${s}.runs r using given g where r.id = g.id and g.root in (select root from going) returning r.id),
noted as (insert into ${s}.deleted_runs (run_id) select id from gone on conflict do nothing)
select id from gone`;
}

async function deleteRuns(
  pool: ConnectionPool,
  s: string,
  runs: readonly ExpiredRun[],
): Promise<readonly string[]> {
  if (runs.length === 0) return [];
  const rows = await pool.query<{ id: string }>({
    name: "flowforge_delete_runs",
    text: deleteText(s),
    values: [
      uuidArray(runs.map(({ header }) => header.id)),
      int8Array(runs.map(({ header }) => header.seq)),
      uuidArray(runs.map(({ root }) => root)),
    ],
  });
  return rows.map(({ id }) => id);
}

/** $1 runs, $2 rows of each table. */
function clearText(s: string): string {
  const parts = TABLES_OF_RUNS.map(
    (table) => `${table}_gone as (delete from ${s}.${table} t where t.ctid = any(array(
      select o.ctid from ${s}.${table} o where o.run_id = any($1::uuid[]) limit $2)) returning 1)`,
  );
  const most = TABLES_OF_RUNS.map((table) => `(select count(*) from ${table}_gone)`);
  return `with ${parts.join(",\n")}\nselect greatest(${most.join(", ")}) as most`;
}

function clearedText(s: string): string {
  const none = TABLES_OF_RUNS.map(
    (table) => `not exists (select from ${s}.${table} o where o.run_id = m.run_id)`,
  );
  return `with clock as materialized (select ${s}.now() as t),
clear as materialized (select m.run_id from ${s}.deleted_runs m where m.run_id = any($1::uuid[]) and ${none.join(" and ")}),
done as (delete from ${s}.deleted_runs m using clear, clock where m.run_id = clear.run_id and m.until <= clock.t)
update ${s}.deleted_runs m set look_at = m.until from clear, clock where m.run_id = clear.run_id and m.until > clock.t`;
}

/** One transaction: its locks are on rows that nobody else looks for, and on notes, that others skip. */
async function clear(pool: ConnectionPool, s: string, limit: number): Promise<boolean> {
  return pool.use(async (session) => {
    await session.query({ text: "begin" });
    try {
      const found = await clearSome(session, s, limit);
      await session.query({ text: "commit" });
      return found;
    } catch (error) {
      await session.query({ text: "rollback" }).catch(() => undefined);
      throw error;
    }
  });
}

async function clearSome(session: Session, s: string, limit: number): Promise<boolean> {
  // The planner must not read a table as a whole because a limit makes that look cheap.
  await session.query({ text: "set local enable_seqscan = off" });
  // A run that was started anew under the id of a deleted one (a backfilled tick) keeps what it has.
  const notes = await session.query<{ run_id: string }>({
    text: `select m.run_id from ${s}.deleted_runs m
      where m.look_at <= (select ${s}.now()) and not exists (select from ${s}.runs r where r.id = m.run_id)
      order by m.look_at limit ${CLEARED} for update skip locked`,
  });
  if (notes.length === 0) return false;
  const ids = uuidArray(notes.map(({ run_id: id }) => id));
  const [row] = await session.query<{ most: number }>({ text: clearText(s), values: [ids, limit] });
  if (row!.most < limit) await session.query({ text: clearedText(s), values: [ids] });
  return true;
}
