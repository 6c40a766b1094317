/** The parts of the commit statement that are about maps and their items: only in batches that have some. */
import type { Shape } from "./commit-rows.ts";

/** `rows`: the map writes by column, as `g`. */
export function mapParts(s: string, rows: string, { items }: Shape): readonly string[] {
  // One update per row and statement: what happens to items counts in the same one.
  const count = (type: string): string => `(select count(*) from item_changed c
      where c.run_id = u.run_id and c.node = u.node and c.type = '${type}')::int4`;
  const counted = items
    ? `, open = u.open - ${count("redrive")} - ${count("complete")} - ${count("discard")},
    waiting = u.waiting + ${count("redrive")}, done = u.done + ${count("complete")} + ${count("discard")}`
    : "";
  return [
    `map_writes as materialized (select ($1::uuid[])[g.i] as run_id, g.* from f, ${rows} where f.had[g.i] >= 0)`,
    // Where it is undone already its items are there, and what was counted stays.
    `map_undone as (
  insert into ${s}.node_runs (run_id, item, node, seq, attempt, fence, dispatches, status, retry_at)
  select g.run_id, n.item, g.node, 0, 0, 0, 0, 'waiting', clock.t from clock, map_writes g
  join ${s}.node_runs n on n.run_id = g.run_id and n.node = g.undoes and n.item >= 0 and n.status = 'succeeded'
  where g.type = 'undo' on conflict do nothing returning run_id, node)`,
    `map_started as (
  insert into ${s}.maps (run_id, node, touched_at, fence, total, next, waiting, concurrency, collect, undoes)
  select g.run_id, g.node, clock.t, g.fence, g.total + u.n, u.n, u.n, g.concurrency, g.collect, g.undoes
  from clock, map_writes g, lateral (
    select count(*)::int4 as n from map_undone u where u.run_id = g.run_id and u.node = g.node) u
  where g.type in ('start', 'undo')
  on conflict (run_id, node) do update set touched_at = excluded.touched_at, fence = excluded.fence,
    closed = false, live = true)`,
    // Those that `map_left` cancelled: they have been counted as waiting all the while.
    `map_taken_up as (
  update ${s}.node_runs t set status = 'waiting', fence = t.fence + 1, attempt = 0, retry_at = clock.t, finished_at = null
  from map_writes g, clock where g.type in ('start', 'undo', 'resume') and t.run_id = g.run_id and t.node = g.node and t.item >= 0
    and t.status = 'cancelled')`,
    `map_moved as (
  update ${s}.maps u set fence = case when g.type = 'end' then u.fence else g.fence end,
    closed = g.type <> 'resume' and (u.closed or g.type = 'close'),
    touched_at = case g.type when 'resume' then clock.t else u.touched_at end,
    live = g.type <> 'end'${counted}
  from clock, map_writes g where u.run_id = g.run_id and u.node = g.node and g.type in ('reopen', 'resume', 'close', 'end'))`,
    `map_left as (
  update ${s}.node_runs t set status = 'cancelled', retry_at = null, finished_at = clock.t
  from map_writes g, clock where g.type = 'end' and t.run_id = g.run_id and t.node = g.node and t.retry_at is not null)`,
    `map_compensated as (
  update ${s}.dead_letters d set resolved_at = clock.t, resolution = 'compensated'
  from map_writes g, clock where g.type = 'compensated' and d.run_id = g.run_id and d.node = g.node and d.item >= 0
    and d.resolved_at is null)`,
    `map_closed as (
  update ${s}.node_runs t set failure = 'compensated'
  from map_writes g where g.type = 'compensated' and t.run_id = g.run_id and t.node = g.node and t.item >= 0
    and t.failure = 'open')`,
  ];
}

/** `rows`: the item writes by column, as `h`. */
export function itemParts(s: string, rows: string): readonly string[] {
  return [
    `item_writes as materialized (select ($1::uuid[])[h.i] as run_id, h.* from f, ${rows} where f.had[h.i] >= 0)`,
    `item_changed as (
  update ${s}.node_runs t set
    status = case h.type when 'redrive' then 'waiting' when 'complete' then 'succeeded' else t.status end,
    outcome = case h.type when 'redrive' then null when 'complete' then 'success' else t.outcome end,
    failure = case h.type when 'discard' then 'discarded' end,
    fence = t.fence + (h.type = 'redrive')::int4,
    attempt = case h.type when 'redrive' then 0 else t.attempt end,
    losses = 0, put_off_ms = null,
    generation = t.generation + h.new_key::int4,
    key_fence = case when h.new_key then t.fence + 1 else t.key_fence end,
    retry_at = case h.type when 'redrive' then clock.t end,
    finished_at = case h.type when 'redrive' then null else t.finished_at end,
    input = coalesce(h.input, t.input), edited = case when h.input is not null then 'given' else t.edited end,
    output = case h.type when 'complete' then h.output else t.output end
  from item_writes h, clock where t.run_id = h.run_id and t.node = h.node and t.item = h.item and t.fence = h.fence
    and t.failure = 'open'
  returning t.run_id, t.node, t.item, h.type, h.resolution_id, h.resolved_by)`,
    `item_resolved as (
  update ${s}.dead_letters d set resolved_at = clock.t, resolution_id = c.resolution_id, resolved_by = c.resolved_by,
    resolution = case c.type when 'redrive' then 'redriven' when 'complete' then 'completed' else 'discarded' end
  from item_changed c, clock where d.run_id = c.run_id and d.node = c.node and d.item = c.item and d.resolved_at is null)`,
  ];
}
