/**
 * The parts of the commit statement that are about gates. `p`: what entries do at their gates; a start that takes a place takes a lock
 * on the gate that nobody waits for. `placed`: starts that get a place, by its number. Two that never saw each other would get the same
 * number: the second one fails on the index, and comes again.
 */
import { errorCode } from "../postgres-connection/failures.ts";
import { lockNumber, REFUSED } from "./keys.ts";

/** The number under which the gate of this row is locked. */
export function gateLock(s: string, row: string): string {
  return lockNumber(s, [`${row}.workspace`, `('concurrency/' || ${row}.workflow)`, `${row}.key`]);
}

/** Rows of the same gate. */
export function atGate(one: string, other: string): string {
  return `${one}.workspace = ${other}.workspace and ${one}.workflow = ${other}.workflow and ${one}.key = ${other}.key`;
}

export function gateParts(s: string, source: string): readonly string[] {
  const others = `from ${s}.run_gates o where ${atGate("o", "p")}`;
  return [
    `p as materialized (
  select p.*, ($1::uuid[])[p.i] as run_id, row_number() over (partition by p.type, p.workspace, p.workflow, p.key order by p.i) as nth,
    case when p.type = 'take' then pg_try_advisory_xact_lock(${gateLock(s, "p")}) else true end as granted from ${source})`,
    `placed as materialized (
  select p.i, free.slot from clock, p cross join lateral (
    select n.slot from generate_series(1, p.lim) n(slot) where not exists (select ${others} and o.admitted and o.slot = n.slot)
    order by n.slot offset p.nth - 1 limit 1) free
  where p.type = 'take' and p.granted and p.nth + (select count(*) ${others} and o.admitted) <= p.lim
    and not exists (select ${others} and not o.admitted and o.at <= clock.t))`,
  ];
}

/** Whether the entry with this place is not one that asks for a place and gets none. */
export function hasPlace(i: string): string {
  return `(${i} in (select placed.i from placed) or ${i} not in (select p.i from p where p.type = 'take'))`;
}

/** The branches of a `case` over the row `z` of a start. */
export const gateFlags: string = `
  when z.i in (select p.i from p where not p.granted) then ${REFUSED.locked}
  when not ${hasPlace("z.i")} then ${REFUSED.full}`;

/** A run that ends in the commit that starts it needs room, and leaves it at once. */
export function passGateParts(s: string): readonly string[] {
  return [
    `entered as (
  insert into ${s}.run_gates (run_id, at, slot, lim, admitted, workspace, workflow, key, on_limit)
  select p.run_id, coalesce(p.at, clock.t), placed.slot, p.lim, p.type <> 'wait', p.workspace, p.workflow, p.key, p.on_limit
  from clock, f, p left join placed on placed.i = p.i where p.type <> 'leave' and p.stays and f.had[p.i] >= 0
  on conflict (run_id) do nothing)`,
    `departed as (
  delete from ${s}.run_gates o using f, p where p.type = 'leave' and f.had[p.i] >= 0 and o.run_id = p.run_id)`,
  ];
}

/** Another one has got the same place meanwhile. Who asks again sees that. */
export function isPlaceTaken(error: unknown): boolean {
  if (errorCode(error) !== "23505") return false;
  return (error as { readonly constraint?: unknown }).constraint === "run_gates_slots";
}
