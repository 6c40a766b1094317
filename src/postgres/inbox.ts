/**
 * `append`: messages to runs from outside. The row in `run_inbox` and the blind step of the run's `seq` are one statement, so
 * whoever decided on the run without having seen the message is refused and must look again.
 *
 * It waits for the rows' locks for a moment (they are held for one commit), in the order of the run ids, so that two
 * appenders cannot wait for each other.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { AppendResult, InboxMessage, ListenerQuery } from "../core/ports/message.ts";
import { int4Array, int8Array, jsonArray, textArray, uuidArray } from "./arrays.ts";
import { isRetryable } from "../postgres-connection/failures.ts";
import { isRunId } from "./names.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { runBytes } from "./run-bytes.ts";

const MAX_RETRIES = 5;

/** What a run at rest takes as long as it has dead letters. */
const AFTER_THE_END = "('cancel', 'redrive', 'complete', 'discard')";

/** `result` by the message's place; a message whose run is unknown has no row. */
export function appendText(s: string): string {
  return `with m as materialized (
  select * from unnest($1::int4[], $2::uuid[], $3::text[], $4::text[], $5::json[], $7::text[], $8::int8[],
    $9::int8[]) as m(i, run_id, id, kind, body, workspace, bytes, max)),
clock as materialized (select ${s}.now() as t),
r as materialized (
  select r.id, r.workspace, r.finished_at, r.dead_letters, r.bytes from ${s}.runs r
  where r.id = any($6::uuid[]) order by r.id for no key update),
sent as materialized (
  select m.*, r.finished_at is null or (r.dead_letters > 0 and m.kind in ${AFTER_THE_END}) as open,
    m.bytes = 0 or ${runBytes(s)} + sum(m.bytes) over (partition by m.run_id order by m.i) <= m.max as fits
  from m join r on r.id = m.run_id and (m.workspace is null or r.workspace = m.workspace)),
stored as (
  insert into ${s}.run_inbox (run_id, received_at, id, kind, body)
  select sent.run_id, clock.t, sent.id, sent.kind, sent.body from sent, clock where sent.open and sent.fits
  order by sent.i on conflict do nothing returning run_id, id),
counted as materialized (select run_id, count(*)::int4 as n, sum(first.bytes)::int8 as bytes
  from stored join (select distinct on (run_id, id) run_id, id, bytes from sent order by run_id, id, i) first
    using (run_id, id) group by run_id),
raised as (
  update ${s}.runs r set seq = r.seq + counted.n, inbox = r.inbox + counted.n, bytes = nullif(coalesce(r.bytes, 0) + counted.bytes, 0) from counted where r.id = counted.run_id)
select sent.i, case when stored.id is not null then 'stored'
  when (sent.open and sent.fits) or exists (select from ${s}.run_inbox b where b.run_id = sent.run_id and b.id = sent.id)
    then 'repeated'
  when sent.open then 'full' else 'finished_run' end as result
from sent left join stored on stored.run_id = sent.run_id and stored.id = sent.id`;
}

export async function appendMessages(
  pool: ConnectionPool,
  text: string,
  messages: readonly InboxMessage[],
): Promise<AppendResult[]> {
  const results = new Array<AppendResult>(messages.length).fill("unknown_run");
  const places: number[] = [];
  messages.forEach((message, index) => {
    if (isRunId(message.runId)) places.push(index);
  });
  if (places.length === 0) return results;
  const sent = places.map((place) => messages[place]!);
  const statement = {
    name: "flowforge_append",
    text,
    values: [
      int4Array(places),
      uuidArray(sent.map((message) => message.runId)),
      textArray(sent.map((message) => message.id)),
      textArray(sent.map((message) => message.body.kind)),
      jsonArray(sent.map((message) => JSON.stringify(message.body))),
      uuidArray([...new Set(sent.map((message) => message.runId))]),
      textArray(sent.map((message) => message.workspace ?? null)),
      int8Array(sent.map((message) => message.size?.bytes ?? 0)),
      int8Array(sent.map((message) => message.size?.limit ?? 0)),
    ],
  };
  const rows = await retried(() => pool.query<{ i: number; result: AppendResult }>(statement));
  const seen = new Set<string>();
  for (const { i, result } of [...rows].sort((a, b) => a.i - b.i)) {
    const { runId, id } = messages[i]!;
    const key = `${runId} ${id}`;
    // The same id twice in one call: the statement stored one row and names it for both.
    results[i] = result === "stored" && seen.has(key) ? "repeated" : result;
    seen.add(key);
  }
  return results;
}

/** See `Store.listeners`. */
export async function listeners(
  pool: ConnectionPool,
  schema: string,
  { workspace, event, createdBy, after, limit }: ListenerQuery,
): Promise<readonly string[]> {
  const rows = await pool.query<{ run_id: string }>({
    name: "flowforge_listeners",
    text: `select l.run_id from ${schema}.event_listeners l where l.workspace = $1 and l.event = $2
      and ($3::uuid is null or l.run_id > $3::uuid)
      and ($5::int8 is null or exists (select from ${schema}.runs r where r.id = l.run_id and r.created_at <= $5)) order by l.run_id limit $4`,
    values: [workspace, event, after ?? null, limit, createdBy ?? null],
  });
  return rows.map((row) => row.run_id);
}

async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let retries = 0; ; retries++) {
    try {
      return await work();
    } catch (error) {
      if (!isRetryable(error) || retries >= MAX_RETRIES) throw error;
      await pause(Math.random() * 10 * 2 ** retries);
    }
  }
}
