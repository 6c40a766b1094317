/**
 * Gates, for those who wait there. `admit` is one statement under the lock of each gate, that nobody waits for: whoever is refused
 * it asks again. It locks the runs that it tells before their places, as a commit does.
 */
import type { Admitted, GateRef, GateStore } from "../core/ports/gates.ts";
import { setTimeout as pause } from "node:timers/promises";
import { int4Array, textArray } from "./arrays.ts";
import { atGate, gateLock, isPlaceTaken } from "./commit-gates.ts";
import { isRetryable } from "../postgres-connection/failures.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";

const MAX_RETRIES = 5;

/** `last`: who came last of those who wait. `old`: who is too much there. `next`: who comes in, and where. */
function admitText(s: string): string {
  const at = (gate: string): string => `from ${s}.run_gates o where ${atGate("o", gate)}`;
  const isDue = "not o.admitted and o.at <= clock.t";
  return `with clock as materialized (select ${s}.now() as t),
g as materialized (
  select g.*, pg_try_advisory_xact_lock(${gateLock(s, "g")}) as granted
  from unnest($1::int4[], $2::text[], $3::text[], $4::text[]) as g(i, workspace, workflow, key)),
last as materialized (
  select g.*, o.lim, o.on_limit from clock, g cross join lateral (
    select o.lim, o.on_limit ${at("g")} and ${isDue} order by o.at desc, o.run_id desc limit 1) o
  where g.granted),
old as materialized (
  select o.run_id from clock, last cross join lateral (
    select o.run_id ${at("last")} and (o.admitted or o.at <= clock.t) and not o.told
    order by o.at desc, o.run_id desc offset last.lim) o
  where last.on_limit = 'cancelOldest'),
heads as (
  select last.i, o.run_id, row_number() over (partition by last.i order by o.at, o.run_id) as nth
  from clock, last cross join lateral (
    select o.run_id, o.at ${at("last")} and ${isDue} and not o.told and o.run_id not in (select old.run_id from old)
    order by o.at, o.run_id limit greatest(0, last.lim - (select count(*) ${at("last")} and o.admitted))) o),
free as (
  select last.i, n.slot, row_number() over (partition by last.i order by n.slot) as nth
  from last cross join lateral generate_series(1, last.lim) n(slot)
  where not exists (select ${at("last")} and o.admitted and o.slot = n.slot)),
next as materialized (select heads.run_id, free.slot from heads join free on free.i = heads.i and free.nth = heads.nth),
r as materialized (
  select r.id, r.seq from ${s}.runs r where r.finished_at is null
    and r.id = any(array(select next.run_id from next union all select old.run_id from old)) order by r.id for no key update),
entered as (
  update ${s}.run_gates o set admitted = true, slot = next.slot from next join r on r.id = next.run_id
  where o.run_id = next.run_id and not o.admitted returning o.run_id),
ousted as (
  update ${s}.run_gates o set told = true from old join r on r.id = old.run_id
  where o.run_id = old.run_id and not o.told returning o.run_id),
sent as (
  insert into ${s}.run_inbox (run_id, received_at, id, kind, body)
  select r.id, clock.t, 'concurrency/' || m.kind || '/' || r.seq, m.kind, json_build_object('kind', m.kind)
  from clock, (select run_id, 'admitted' as kind from entered union all select run_id, 'cancel' from ousted) m
    join r on r.id = m.run_id
  on conflict do nothing returning run_id),
raised as (
  update ${s}.runs r set seq = r.seq + 1, inbox = r.inbox + 1 from sent where r.id = sent.run_id)
select array(select sent.run_id::text from sent) as told, array(select g.i from g where not g.granted) as busy`;
}

/** Jumps from gate to gate in the index: a long queue costs no more than a short one. */
function waitingText(s: string): string {
  const after = (gate: string): string => `select o.workspace, o.workflow, o.key from ${s}.run_gates o
    where not o.admitted and o.at <= (select ${s}.now()) and (o.workspace, o.workflow, o.key) > ${gate}
    order by o.workspace, o.workflow, o.key limit 1`;
  return `with recursive gates as (
  (${after("($1::text, $2::text, $3::text)")})
  union all
  select o.* from gates g cross join lateral (${after("(g.workspace, g.workflow, g.key)")}) o)
select * from gates limit $4`;
}

export function gateStore(pool: ConnectionPool, s: string): GateStore {
  const text = admitText(s);
  return {
    admit: (gates) => admit(pool, text, gates),
    waitingGates: async ({ after, limit }) =>
      pool.query<GateRef>({
        name: "flowforge_waiting_gates",
        text: waitingText(s),
        values: [after?.workspace ?? "", after?.workflow ?? "", after?.key ?? "", limit],
      }),
  };
}

async function admit(pool: ConnectionPool, text: string, gates: readonly GateRef[]): Promise<Admitted> {
  const values = [
    int4Array(gates.map((_, index) => index)),
    textArray(gates.map(({ workspace }) => workspace)),
    textArray(gates.map(({ workflow }) => workflow)),
    textArray(gates.map(({ key }) => key)),
  ];
  for (let retries = 0; ; retries++) {
    try {
      const statement = { name: "flowforge_admit", text, values };
      const [row] = await pool.query<{ told: readonly string[]; busy: readonly number[] }>(statement);
      return { told: row!.told, busy: row!.busy.map((index) => gates[index]!) };
    } catch (error) {
      if (!(isRetryable(error) || isPlaceTaken(error)) || retries >= MAX_RETRIES) throw error;
      await pause(Math.random() * 10 * 2 ** retries);
    }
  }
}
