/** See `ChildStore`. */
import type { ChildStore, ItemChildEnd } from "../core/ports/children.ts";
import type { RunStatus } from "../core/run/state.ts";
import { int8Array } from "./arrays.ts";
import { whole } from "./blobs.ts";
import { parentRef, parseOptional } from "./rows.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";

/**
 * One statement: the end is forgotten in the moment in which the parent's inbox has it. Nobody is waited for, so that nobody can wait
 * for this: a parent that somebody holds is told in the next round.
 */
function tellText(s: string): string {
  return `with clock as materialized (select ${s}.now() as t),
e as materialized (
  select e.run_id, e.seq from ${s}.child_ends e where not e.of_item
  order by e.run_id, e.seq limit $1 for update skip locked),
c as materialized (
  select e.seq, r.id, r.workflow, r.status, ${whole(s, "r.output", "r.id")} as output, r.parent_run, r.parent, r.finished_at is not null as rests
  from e join ${s}.runs r on r.id = e.run_id),
p as materialized (
  select r.id from ${s}.runs r where r.id in (select c.parent_run from c) order by r.id for no key update skip locked),
d as materialized (
  select c.*, p.id is not null and c.rests as tells from c left join p on p.id = c.parent_run
  where p.id is not null or not exists (select from ${s}.runs r where r.id = c.parent_run)),
gone as (delete from ${s}.child_ends x using d where x.run_id = d.id and x.seq = d.seq),
stored as (
  insert into ${s}.run_inbox (run_id, received_at, id, kind, body)
  select d.parent_run, clock.t, 'child ' || d.id || ' ' || d.seq, 'childEnded', json_build_object('kind', 'childEnded',
    'node', d.parent ->> 'node', 'generation', (d.parent ->> 'generation')::int4, 'child', d.id, 'workflow', d.workflow,
    'status', d.status, 'output', case when d.status = 'succeeded' then d.output end)
  from d, clock where d.tells order by d.seq on conflict do nothing returning run_id),
counted as materialized (select run_id, count(*)::int4 as n from stored group by run_id),
raised as (
  update ${s}.runs r set seq = r.seq + counted.n, inbox = r.inbox + counted.n from counted where r.id = counted.run_id)
select run_id from counted`;
}

function itemEndsText(s: string): string {
  return `select r.id, e.seq, r.parent_run, r.parent, r.workflow, r.status,
  case when r.status = 'succeeded' then ${whole(s, "r.output", "r.id")} end as output
  from (select e.run_id, e.seq from ${s}.child_ends e where e.of_item order by e.run_id, e.seq limit $1) e
  join ${s}.runs r on r.id = e.run_id`;
}

interface EndRow {
  readonly id: string;
  readonly seq: number;
  readonly parent_run: string;
  readonly parent: string;
  readonly workflow: string;
  readonly status: RunStatus;
  readonly output: string | null;
}

async function itemChildEnds(
  pool: ConnectionPool,
  text: string,
  limit: number,
): Promise<readonly ItemChildEnd[]> {
  const rows = await pool.query<EndRow>({ name: "flowforge_item_ends", text, values: [limit] });
  return rows.map((row) => ({
    runId: row.id,
    seq: row.seq,
    parent: parentRef(row)!,
    workflow: row.workflow,
    status: row.status,
    output: parseOptional(row.output) ?? null,
  }));
}

async function forgetChildEnds(
  pool: ConnectionPool,
  s: string,
  ends: readonly Pick<ItemChildEnd, "runId" | "seq">[],
): Promise<void> {
  await pool.query({
    name: "flowforge_forget_ends",
    text: `delete from ${s}.child_ends e using unnest($1::uuid[], $2::int8[]) as q(run_id, seq)
      where e.run_id = q.run_id and e.seq = q.seq and e.of_item`,
    values: [ends.map(({ runId }) => runId), int8Array(ends.map(({ seq }) => seq))],
  });
}

export function childStore(pool: ConnectionPool, s: string): ChildStore {
  const text = tellText(s);
  const itemEnds = itemEndsText(s);
  return {
    itemChildEnds: (limit) => itemChildEnds(pool, itemEnds, limit),
    forgetChildEnds: (ends) => forgetChildEnds(pool, s, ends),
    tellParents: async (limit) => {
      const rows = await pool.query<{ run_id: string }>({ name: "flowforge_tell", text, values: [limit] });
      return rows.map((row) => row.run_id);
    },
  };
}
