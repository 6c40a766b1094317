/**
 * How things stand now. Each part reads a partial index that holds only what is alive, so what it costs does not grow with the runs that
 * have ended.
 */
import type {
  QueuedGroup,
  Scope,
  Standing,
  StatisticsStore,
  WorkerRecord,
} from "../core/ports/statistics.ts";
import type { RunStatus } from "../core/run/state.ts";
import { MINUTE_MS } from "../core/statistics/series.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { storeNow } from "./time.ts";

/** Of each state: nobody needs to know it more exactly, and to count a million takes seconds. */
const MOST = 100_000;

type Queries = Pick<StatisticsStore, "standing" | "workers" | "sample">;

interface GroupRow extends Omit<QueuedGroup, "runId"> {
  readonly run_id: string | null;
}

interface WorkerRow {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly lanes: string;
  readonly concurrency: number;
  readonly running: number;
  readonly started_at: number;
  readonly heartbeat_at: number;
  readonly dead_at: number | null;
}

export function standingQueries(pool: ConnectionPool, s: string): Queries {
  return {
    async standing(scope) {
      const values = [scope.workspace, scope.workflow];
      const [runs, groups, letters] = await Promise.all([
        pool.query<{ status: RunStatus; count: number }>({ text: activeText(s, scope), values }),
        pool.query<GroupRow>({ text: groupsText(s, scope), values }),
        pool.query<{ now: number; count: number; stuck: number; open: number }>({
          text: lettersText(s, scope),
          values,
        }),
      ]);
      return {
        now: letters[0]!.now,
        runs,
        groups: groups.map(({ run_id: runId, ...group }) => ({ ...group, runId })),
        isCut: isCut(groups),
        deadLetters: letters[0]!.count,
        stuck: letters[0]!.stuck,
        openBreakers: letters[0]!.open,
      };
    },
    async workers() {
      const rows = await pool.query<WorkerRow>({
        text: `select w.id, w.host, w.pid, w.lanes, w.concurrency, w.started_at, w.heartbeat_at, w.dead_at,
            (select count(*) from ${s}.run_workers h join ${s}.node_runs n
              on n.run_id = h.run_id and n.worker = h.worker and n.status = 'running' where h.worker = w.id) as running
          from ${s}.workers w order by w.dead_at is not null, w.started_at, w.id limit 1000`,
      });
      return rows.map(workerRecord);
    },
    async sample() {
      const at = Math.floor((await storeNow(pool, s)) / MINUTE_MS) * MINUTE_MS;
      const known = await pool.query({
        text: `select 1 as one from ${s}.depth_samples where workspace = '' and at = $1`,
        values: [at],
      });
      if (known.length === 0) await pool.query({ text: sampleText(s), values: [at] });
    },
  };
}

/** $1: the workspace, $2: the workflow. Without a name a statement is planned with its values. */
function whose({ workspace, workflow }: Scope, table: string): string {
  const conditions = [
    workspace === null ? "$1::text is null" : `${table}.workspace = $1::text`,
    workflow === null ? "$2::text is null" : `${table}.workflow = $2::text`,
  ];
  return conditions.join(" and ");
}

function activeText(s: string, scope: Scope): string {
  return `select r.status, count(*) as count from ${s}.runs r
    where r.finished_at is null and ${whose(scope, "r")} group by r.status`;
}

function lettersText(s: string, scope: Scope): string {
  return `select ${s}.now() as now, (select count(*) from ${s}.dead_letters d
    where d.resolved_at is null and ${whose(scope, "d")}) as count,
    (select count(distinct k.run_id) from ${s}.stuck_runs k where ${whose(scope, "k")}) as stuck,
    (select count(*) from ${s}.breakers b where b.phase <> 'closed' and ${whose({ ...scope, workflow: null }, "b")}) as open`;
}

/** Rows in each state, at most `MOST` of them. Only of runs that are under way, which the planner finds by their index. Those of paused runs wait for nobody but whoever resumes them. */
function states(s: string, where: string): string {
  // oxlint-disable-next-line max-params -- which, since when, where from, and whether it is held back
  const of = (state: string, since: string, from: string, held = false): string =>
    `(select '${state}' as state, ${held} as held, n.run_id, n.node, ${since} as since, r.workspace, r.workflow, r.version
      from ${from} join ${s}.runs r on r.id = n.run_id where r.finished_at is null and not r.paused and ${where} limit ${MOST})`;
  const claimed = `${s}.run_workers h join ${s}.node_runs n
    on n.run_id = h.run_id and n.worker = h.worker and n.status = 'running'`;
  const ready = `(select * from ${s}.node_runs where ready_at is not null and ready_at <= (select ${s}.now())) n`;
  return [
    of("ready", "n.ready_at", ready),
    of("ready", "n.held_at", `(select * from ${s}.node_runs where held_for is not null) n`, true),
    of("queued", "n.dispatched_at", `(select * from ${s}.node_runs where dispatched_at is not null) n`),
    of("running", "null::int8", claimed),
  ].join(" union all ");
}

function groupsText(s: string, scope: Scope): string {
  return `select q.state, q.workspace, q.workflow, q.version, q.node, count(*) as count,
      count(*) filter (where q.held) as held, min(q.since) as since,
      (array_agg(q.run_id::text order by q.since))[1] as run_id
    from (${states(s, whose(scope, "r"))}) q group by q.state, q.workspace, q.workflow, q.version, q.node`;
}

function sampleText(s: string): string {
  const zero = "0::int8";
  const rest = (
    s: string,
  ): string => `select q.workspace, ${zero}, (q.state = 'ready')::int4, (q.state = 'queued')::int4,
    (q.state = 'running')::int4, ${zero} from (${s}) q`;
  return `insert into ${s}.depth_samples (workspace, at, active, ready, queued, running, dead_letters)
    select coalesce(x.workspace, ''), $1::int8, coalesce(sum(x.active), 0), coalesce(sum(x.ready), 0), coalesce(sum(x.queued), 0),
      coalesce(sum(x.running), 0), coalesce(sum(x.letters), 0)
    from (
      select r.workspace, count(*) as active, 0 as ready, 0 as queued, 0 as running, ${zero} as letters
        from ${s}.runs r where r.finished_at is null group by 1
      union all ${rest(states(s, "true"))}
      union all select d.workspace, ${zero}, 0, 0, 0, count(*) from ${s}.dead_letters d where d.resolved_at is null group by 1
    ) x group by grouping sets ((x.workspace), ())
    on conflict do nothing`;
}

function isCut(groups: readonly GroupRow[]): Standing["isCut"] {
  const counts = new Map<string, number>();
  for (const { state, count } of groups) counts.set(state, (counts.get(state) ?? 0) + count);
  return [...counts.values()].some((count) => count >= MOST);
}

function workerRecord(row: WorkerRow): WorkerRecord {
  const { started_at: startedAt, heartbeat_at: heartbeatAt, dead_at: deadAt, lanes, ...more } = row;
  return { ...more, startedAt, heartbeatAt, deadAt, lanes: JSON.parse(lanes) as readonly string[] };
}
