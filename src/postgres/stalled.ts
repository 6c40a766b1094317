/**
 * Who has waited for long, and what of that is stuck: see `StuckStore`. Each kind reads the partial index of those that wait for exactly this, so
 * it costs next to nothing while everything moves; but for runs where nothing is alive, which are looked for among those under way.
 */
import type { StuckRun, StuckStore, KnownStuckRun, StuckQuery, WaitingQuery } from "../core/ports/stuck.ts";
import { MOST_STUCK } from "../core/ports/stuck.ts";
import type { Waiting, WorkerRoom } from "../core/stuck/judge.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { int4Array, int8Array, textArray, uuidArray } from "./arrays.ts";

/** Of each kind: enough to find the others by, once these are gone. */
const MOST_READ = 20_000;

interface WaitingRow extends Omit<Waiting, "runId" | "isOld"> {
  readonly run_id: string;
  readonly is_old: boolean;
}

interface RoomRow {
  readonly lanes: string;
  readonly actions: string | null;
  readonly running: number;
}

type StuckRow = Omit<KnownStuckRun, "runId" | "foundAt"> & {
  readonly run_id: string;
  readonly found_at: number;
};

export function stuckStore(pool: ConnectionPool, s: string): StuckStore {
  return {
    async takeTurn(everyMs) {
      const taken = await pool.query({
        // Whoever waited for another one here looks again at what that one wrote.
        text: `insert into ${s}.stuck_looks as l (looked_at) values (${s}.now())
          on conflict (one) do update set looked_at = excluded.looked_at where l.looked_at <= excluded.looked_at - $1::int8
          returning 1 as one`,
        values: [everyMs],
      });
      return taken.length > 0;
    },
    async waiting({ quietMs, rounds, limit }: WaitingQuery) {
      const rows = await pool.query<WaitingRow>({ text: waitingText(s), values: [quietMs, rounds, limit] });
      return rows.map(({ run_id: runId, is_old: isOld, ...more }): Waiting => ({ runId, isOld, ...more }));
    },
    async rooms() {
      const rows = await pool.query<RoomRow>({
        text: `select w.lanes::text as lanes, w.actions::text as actions,
            (select count(*) from ${s}.run_workers h join ${s}.node_runs n
              on n.run_id = h.run_id and n.worker = h.worker and n.status = 'running' where h.worker = w.id) as running
          from ${s}.workers w where w.dead_at is null`,
      });
      return rows.map(roomOf);
    },
    note: (found) => note(pool, s, found),
    async list({ workspace, after, limit }: StuckQuery) {
      const rows = await pool.query<StuckRow>({
        text: `select ${COLUMNS} from ${s}.stuck_runs k where ($1::text is null or k.workspace = $1::text)
            and ($2::int8 is null or (k.found_at, k.run_id, k.node) < ($2::int8, $3::uuid, $4::text))
          order by k.found_at desc, k.run_id desc, k.node desc limit $5`,
        values: [workspace, after?.foundAt ?? null, after?.runId ?? null, after?.node ?? "", limit],
      });
      return rows.map(({ run_id: runId, found_at: foundAt, ...more }) => ({ runId, foundAt, ...more }));
    },
  };
}

const COLUMNS = `k.run_id::text as run_id, k.workspace, k.workflow, k.version, k.reason, nullif(k.node, '') as node, k.lane, k.action,
  k.since, k.found_at`;

/** $1: the quiet time, $2: rounds, $3: how many of each kind and node. */
function waitingText(s: string): string {
  const rows = `${s}.node_runs n, clock`;
  const old = (at: string): string => `${at} <= clock.t - $1::int8`;
  // oxlint-disable-next-line max-params -- which, where it is, since when, and which of them
  const nodes = (kind: string, from: string, at: string, where: string): string =>
    `(select '${kind}' as kind, n.run_id, n.node, ${at} as at from ${from} where ${where} limit ${MOST_READ})`;
  const isDue = `n.due_at is not null and n.ready_at is null and n.status = 'waiting' and ${old("n.due_at")}`;
  const isLate = `n.deadline_at is not null and ${old("n.deadline_at")}
    and (n.status in ('pending', 'ready', 'queued') or n.waiting_for = 'map')`;
  const lost = `${s}.run_workers h join ${s}.node_runs n on n.run_id = h.run_id and n.worker = h.worker and n.status = 'running', clock`;
  const isLost = `not exists (select from ${s}.workers w where w.id = h.worker and (w.dead_at is null or not ${old("w.dead_at")}))
    and ${old("n.started_at")}`;
  const maps = `${s}.maps n, clock`;
  const isIdle = `n.live and not n.closed and n.running = 0 and n.next < n.total and ${old("n.touched_at")}`;
  return `with clock as materialized (select ${s}.now() as t),
found as (
  ${nodes("ready", rows, "n.ready_at", `n.ready_at is not null and (${old("n.ready_at")} or n.dispatches >= $2::int4)`)}
  union all
  ${nodes("queued", rows, "n.dispatched_at", `n.dispatched_at is not null and (${old("n.dispatched_at")} or n.dispatches >= $2::int4)`)}
  union all
  ${nodes("lost", lost, "n.started_at", isLost)}
  union all
  ${nodes("map", maps, "n.touched_at", isIdle)}
  union all
  ${nodes("timer", rows, "n.due_at", isDue)}
  union all
  ${nodes("timer", rows, "n.deadline_at", isLate)}
  union all
  (select 'message' as kind, n.run_id, null as node, min(n.received_at) as at from ${s}.run_inbox n, clock
    where n.state = 'new' and ${old("n.received_at")} group by n.run_id limit ${MOST_READ})
  union all
  (select 'idle' as kind, r.id, null as node, null as at from ${s}.runs r
    where r.finished_at is null and r.status in ('queued', 'running', 'cancelling', 'compensating')
      and not exists (select from ${s}.node_runs n where n.run_id = r.id and (n.status in ('ready', 'queued', 'waiting')
        or n.status = 'running' and (n.worker is not null or n.waiting_for is not null)))
      and not exists (select from ${s}.run_inbox b where b.run_id = r.id and b.state = 'new') limit ${MOST_READ})),
each as (
  select f.kind, f.run_id, f.node, min(f.at) as at from found f group by f.kind, f.run_id, f.node),
placed as (
  select e.kind, e.run_id, e.node, e.at, r.workspace, r.workflow, r.version, r.status, r.created_at, row_number() over (
      partition by e.kind, r.workspace, r.workflow, r.version, e.node
      order by exists (select from ${s}.stuck_runs k where k.run_id = e.run_id) desc, e.run_id) as place
  from each e join ${s}.runs r on r.id = e.run_id where not r.paused and r.finished_at is null)
select p.kind, p.run_id::text as run_id, p.node, p.workspace, p.workflow, p.version, p.status,
  coalesce(p.at, m.since) <= clock.t - $1::int8 as is_old, m.since
from placed p cross join clock cross join lateral (
  select greatest(p.created_at, max(n.started_at), max(n.finished_at)) as since from ${s}.node_runs n where n.run_id = p.run_id) m
where p.place <= $3 and (p.kind <> 'idle' or ${old("m.since")})
order by m.since, p.run_id, p.node`;
}

/** What was in the list keeps its times. What is over makes room for what is new. */
function noteText(s: string): string {
  return `with clock as materialized (select ${s}.now() as t),
  f as materialized (
    select f.* from unnest($1::uuid[], $2::text[], $3::text[], $4::int8[], $5::int4[], $6::text[], $7::text[], $8::text[], $9::text[])
      with ordinality as f(run_id, node, reason, since, version, workspace, workflow, lane, action, i)),
  over as (
    delete from ${s}.stuck_runs k
    where not exists (select from f where (f.run_id, f.node, f.reason) = (k.run_id, k.node, k.reason)) returning 1),
  room as materialized (
    select ${MOST_STUCK} - (select count(*) from ${s}.stuck_runs) + (select count(*) from over) as n),
  fresh as (
    select f.* from f where not exists (
      select from ${s}.stuck_runs k where (k.run_id, k.node, k.reason) = (f.run_id, f.node, f.reason))
    order by f.i limit (select greatest(n, 0) from room)),
  added as (
    insert into ${s}.stuck_runs (run_id, node, reason, since, found_at, version, workspace, workflow, lane, action)
    select f.run_id, f.node, f.reason, f.since, clock.t, f.version, f.workspace, f.workflow, f.lane, f.action
    from fresh f, clock on conflict do nothing returning run_id, node, reason)
  select f.i from f join added a on (a.run_id, a.node, a.reason) = (f.run_id, f.node, f.reason)`;
}

async function note(
  pool: ConnectionPool,
  s: string,
  found: readonly StuckRun[],
): Promise<readonly StuckRun[]> {
  const rows = await pool.query<{ i: number }>({
    text: noteText(s),
    values: [
      uuidArray(found.map(({ runId }) => runId)),
      textArray(found.map(({ node }) => node ?? "")),
      textArray(found.map(({ reason }) => reason)),
      int8Array(found.map(({ since }) => since)),
      int4Array(found.map(({ version }) => version)),
      textArray(found.map(({ workspace }) => workspace)),
      textArray(found.map(({ workflow }) => workflow)),
      textArray(found.map(({ lane }) => lane)),
      textArray(found.map(({ action }) => action)),
    ],
  });
  const added = new Set(rows.map(({ i }) => i));
  return found.filter((_, index) => added.has(index + 1));
}

function roomOf({ lanes, actions, running }: RoomRow): WorkerRoom {
  return {
    lanes: JSON.parse(lanes) as readonly string[],
    actions: actions === null ? null : (JSON.parse(actions) as readonly string[]),
    running,
  };
}
