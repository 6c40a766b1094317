/** Schedules: see `ScheduleStore`. */
import type { ScheduleSource } from "../core/definition/document.ts";
import type {
  DueSchedule,
  ScheduledStart,
  ScheduleRecord,
  ScheduleStore,
  UnsyncedTrigger,
} from "../core/ports/schedules.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { storeNow } from "./time.ts";

interface ScheduleRow {
  readonly workspace: string;
  readonly workflow: string;
  readonly node: string;
  readonly source: string;
  readonly starts: string | null;
  readonly rev: number;
  readonly paused: boolean;
  readonly due_at: number | null;
  readonly fire_at: number | null;
  readonly held: boolean;
  readonly last_run: string | null;
  readonly last_due_at: number | null;
  readonly last_error: string | null;
}

const COLUMNS = `c.workspace, c.workflow, c.node, c.source, c.starts, c.rev, c.paused, c.due_at, c.fire_at, c.held, c.last_run,
  c.last_due_at, c.last_error`;
const SAME_PLACE = "t.workspace = c.workspace and t.workflow = c.workflow and t.node = c.node";
const SLEEPS = "c.starts is not null and c.fire_at is null and c.due_at is not null";
/** The order of keys in a document has no meaning. */
const SAME_SOURCE = "t.source::jsonb = c.source::jsonb";

export function scheduleStore(pool: ConnectionPool, s: string): ScheduleStore {
  return { ...following(pool, s), ...due(pool, s), ...named(pool, s), ...single(pool, s) };
}

type Single = "advance" | "get" | "list";

/** Makes the schedules those of the triggers. */
function following(pool: ConnectionPool, s: string): Pick<ScheduleStore, "unsynced" | "sync" | "prune"> {
  const isEnabled = `exists (select from ${s}.workflows w
    where w.workspace = c.workspace and w.name = c.workflow and w.enabled)`;
  const mayFire = `t.type = 'schedule' and exists (select from ${s}.workflows w
    where w.workspace = t.workspace and w.name = t.workflow and w.enabled)`;
  return {
    async unsynced(limit) {
      const now = await storeNow(pool, s);
      const rows = await pool.query<Omit<UnsyncedTrigger, "source"> & { source: string }>({
        text: `select t.workspace, t.workflow, t.node, t.source from ${s}.triggers t
          where ${mayFire} and not exists (
            select from ${s}.schedules c where ${SAME_PLACE} and ${SAME_SOURCE})
          union all
          select c.workspace, c.workflow, c.node, c.source from ${s}.schedules c
          where ${SLEEPS} and ${isEnabled} limit $1`,
        values: [limit],
      });
      return { now, triggers: rows.map((row) => ({ ...row, source: sourceOf(row.source) })) };
    },
    async sync({ workspace, workflow, node, source }, { dueAt, fireAt }) {
      const values = [workspace, workflow, node, JSON.stringify(source), dueAt, fireAt];
      await pool.query({
        text: `update ${s}.schedules c set due_at = $5, fire_at = $6, held = false, rev = c.rev + 1
          where c.workspace = $1 and c.workflow = $2 and c.node = $3 and c.source::jsonb = $4::jsonb
            and ${SLEEPS} and ${isEnabled}`,
        values,
      });
      await pool.query({
        text: `insert into ${s}.schedules as c (workspace, workflow, node, source, due_at, fire_at)
          select t.workspace, t.workflow, t.node, t.source, $5, $6 from ${s}.triggers t
          where t.workspace = $1 and t.workflow = $2 and t.node = $3 and t.source::jsonb = $4::jsonb and ${mayFire}
          on conflict (workspace, workflow, node) do update set source = excluded.source, due_at = excluded.due_at,
            fire_at = excluded.fire_at, held = false, rev = c.rev + 1
          where c.source::jsonb <> excluded.source::jsonb`,
        values,
      });
    },
    async prune() {
      const gone = await pool.query({
        text: `delete from ${s}.schedules c where c.starts is null and not exists (
          select from ${s}.triggers t where ${SAME_PLACE} and t.type = 'schedule' and (c.paused or ${mayFire}))
          returning 1 as one`,
      });
      await pool.query({
        text: `update ${s}.schedules c set fire_at = null, held = false, rev = c.rev + 1
          from ${s}.workflows w where w.workspace = c.workspace and w.name = c.workflow and not w.enabled
            and c.starts is not null and not c.paused and c.fire_at is not null`,
      });
      return gone.length;
    },
  };
}

function due(pool: ConnectionPool, s: string): Pick<ScheduleStore, "due"> {
  return {
    async due(limit) {
      const rows = await pool.query<ScheduleRow & { version: number; now: number }>({
        text: `select ${COLUMNS}, coalesce(t.version, w.newest) as version, clock.now
          from (select ${s}.now() as now) clock, ${s}.schedules c
            join ${s}.workflows w on w.workspace = c.workspace and w.name = c.workflow and w.enabled
            left join ${s}.triggers t on ${SAME_PLACE} and ${SAME_SOURCE} and t.type = 'schedule'
          where not c.paused and c.fire_at <= clock.now and (c.starts is not null or t.node is not null)
          order by c.fire_at limit $1`,
        values: [limit],
      });
      const schedules = rows.map((row): DueSchedule => ({ ...recordOf(row), version: row.version }));
      return { now: rows[0]?.now ?? 0, schedules };
    },
  };
}

function named(pool: ConnectionPool, s: string): Pick<ScheduleStore, "set" | "delete"> {
  const { get } = single(pool, s);
  return {
    async set({ source, starts, ...place }, { dueAt, fireAt }) {
      const { workspace, workflow, node } = place;
      const texts = [JSON.stringify(source), JSON.stringify(starts)];
      const isSame = "c.source::jsonb = excluded.source::jsonb";
      await pool.query({
        text: `insert into ${s}.schedules as c (workspace, workflow, node, source, starts, due_at, fire_at)
          select w.workspace, w.name, $3, $4, $5, $6, $7 from ${s}.workflows w where w.workspace = $1 and w.name = $2
          on conflict (workspace, workflow, node) do update set source = excluded.source, starts = excluded.starts,
            due_at = case when ${isSame} then c.due_at else excluded.due_at end,
            fire_at = case when ${isSame} then c.fire_at else excluded.fire_at end,
            held = ${isSame} and c.held, rev = c.rev + 1
          where not (${isSame} and c.starts::text = excluded.starts::text)`,
        values: [workspace, workflow, node, ...texts, dueAt, fireAt],
      });
      return get(place);
    },
    async delete({ workspace, workflow, node }) {
      const gone = await pool.query({
        text: `delete from ${s}.schedules where workspace = $1 and workflow = $2 and node = $3 and starts is not null
          returning 1 as one`,
        values: [workspace, workflow, node],
      });
      return gone.length > 0;
    },
  };
}

function single(pool: ConnectionPool, s: string): Pick<ScheduleStore, Single> {
  return {
    async advance({ workspace, workflow, node }, rev, change) {
      const { paused, dueAt, fireAt, held, lastRun, lastDueAt, lastError } = change;
      const written = await pool.query({
        text: `update ${s}.schedules set rev = rev + 1, paused = $5, due_at = $6, fire_at = $7, held = $8, last_run = $9,
            last_due_at = $10, last_error = $11
          where workspace = $1 and workflow = $2 and node = $3 and rev = $4 returning 1 as one`,
        values: [workspace, workflow, node, rev, paused, dueAt, fireAt, held, lastRun, lastDueAt, lastError],
      });
      return written.length > 0;
    },
    async get({ workspace, workflow, node }) {
      const [row] = await pool.query<ScheduleRow>({
        text: `select ${COLUMNS} from ${s}.schedules c where c.workspace = $1 and c.workflow = $2 and c.node = $3`,
        values: [workspace, workflow, node],
      });
      return row ? recordOf(row) : null;
    },
    async list({ workspace, workflow, after, limit }) {
      const rows = await pool.query<ScheduleRow>({
        text: `select ${COLUMNS} from ${s}.schedules c
          where c.workspace = $1 and ($2::text is null or (c.workflow, c.node) > ($2, $3))
            and ($5::text is null or c.workflow = $5)
          order by c.workflow, c.node limit $4`,
        values: [workspace, after?.workflow ?? null, after?.node ?? null, limit, workflow ?? null],
      });
      return rows.map(recordOf);
    },
  };
}

function recordOf(row: ScheduleRow): ScheduleRecord {
  return {
    workspace: row.workspace,
    workflow: row.workflow,
    node: row.node,
    source: sourceOf(row.source),
    starts: row.starts === null ? null : (JSON.parse(row.starts) as ScheduledStart),
    rev: row.rev,
    paused: row.paused,
    dueAt: row.due_at,
    fireAt: row.fire_at,
    held: row.held,
    lastRun: row.last_run,
    lastDueAt: row.last_due_at,
    lastError: row.last_error,
  };
}

function sourceOf(text: string): ScheduleSource {
  return JSON.parse(text) as ScheduleSource;
}
