/** Node runs that wait for room: see `HeldStore`. Only they are in the index that is read here. */
import type { HeldRef, HeldStore, Line } from "../core/ports/held.ts";
import { int4Array, textArray } from "./arrays.ts";
import { dispatchRef, type DispatchRow } from "./rows.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";

interface Row extends DispatchRow {
  readonly lane: string;
  readonly held_at: number;
  readonly own: boolean;
  readonly i: number;
}

/** Jumps from line to line in the index: a long line costs no more than a short one. */
function linesText(s: string): string {
  const after = (
    place: string,
  ): string => `select n.held_lane as lane, n.held_for as workspace, n.held_at as since
    from ${s}.node_runs n where n.held_for is not null and (n.held_lane, n.held_for) > ${place}
      and n.held_lane = any($3::text[]) order by n.held_lane, n.held_for, n.held_at limit 1`;
  return `with recursive lines as (
  (${after("($1::text, $2::text)")})
  union all
  select n.* from lines l cross join lateral (${after("(l.lane, l.workspace)")}) n)
select * from lines limit $4`;
}

/** One that has no actions only maintains. */
const WORKS = "dead_at is null and (actions is null or json_array_length(actions) > 0)";

/** Which of the workers that take from a lane a node run falls to, follows from its run's id. */
function firstText(s: string): string {
  const rows = (
    where: string,
  ): string => `(select n.run_id, n.node, n.item, n.fence, n.dispatches, n.held_at, r.workflow, r.version
      from ${s}.node_runs n join ${s}.runs r on r.id = n.run_id
      where n.held_lane = x.lane and n.held_for = x.workspace and n.status = 'ready' and not r.paused${where}
      order by n.held_at limit x.most)`;
  return `with live as materialized (
  select w.id, row_number() over (order by w.id) - 1 as place, count(*) over () as of
  from ${s}.workers w where ${WORKS} and w.lanes::jsonb ?| $5::text[]),
me as materialized (select coalesce(max(l.place), 0) as place, coalesce(max(l.of), 1) as of from live l where l.id = $4),
x as materialized (
  select x.*, me.place, me.of from me, unnest($1::text[], $2::text[], $3::int4[]) with ordinality as x(lane, workspace, most, i))
select x.i, true as own, x.lane, x.workspace, n.* from x
  cross join lateral ${rows(" and mod(uuid_hash_extended(n.run_id, 0) & 1073741823, x.of) = x.place")} n
union all
select x.i, false as own, x.lane, x.workspace, n.* from x
  cross join lateral ${rows("")} n where x.of > 1`;
}

export function heldStore(pool: ConnectionPool, s: string): HeldStore {
  const lines = linesText(s);
  const first = firstText(s);
  return {
    lines: ({ lanes, after, limit }) =>
      pool.query<Line>({
        name: "flowforge_lines",
        text: lines,
        values: [after?.lane ?? "", after?.workspace ?? "", textArray(lanes), limit],
      }),
    async first(asked, worker) {
      if (asked.length === 0) return [];
      const lanes = [...new Set(asked.map(({ lane }) => lane))];
      const values = [
        textArray(asked.map(({ lane }) => lane)),
        textArray(asked.map(({ workspace }) => workspace)),
        int4Array(asked.map(({ limit }) => limit)),
        worker,
        textArray(lanes),
      ];
      const rows = await pool.query<Row>({ name: "flowforge_first_held", text: first, values });
      return asked.flatMap(({ limit }, index) => firstOf(rows, index + 1, limit));
    },
    async queued() {
      const rows = await pool.query<{ workspace: string; count: number }>({
        name: "flowforge_queued",
        text: `select r.workspace, count(*) as count from ${s}.node_runs n join ${s}.runs r on r.id = n.run_id
          where n.dispatched_at is not null group by r.workspace`,
      });
      return new Map(rows.map(({ workspace, count }) => [workspace, count]));
    },
    async capacity() {
      const [row] = await pool.query<{ places: number }>({
        name: "flowforge_capacity",
        text: `select coalesce(sum(concurrency), 0) as places from ${s}.workers where ${WORKS}`,
      });
      return row!.places;
    },
  };
}

/** What falls to the worker, and where that is too little what falls to others. */
function firstOf(rows: readonly Row[], line: number, limit: number): readonly HeldRef[] {
  const found = new Map<string, Row>();
  const own = rows.filter((row) => row.i === line && row.own);
  const all = own.length >= limit ? own : [...own, ...rows.filter((row) => row.i === line && !row.own)];
  for (const row of all) {
    const key = `${row.run_id} ${row.node} ${row.item}`;
    if (found.size < limit && !found.has(key)) found.set(key, row);
  }
  return [...found.values()].map((row) => ({ ...dispatchRef(row), lane: row.lane, heldAt: row.held_at }));
}
