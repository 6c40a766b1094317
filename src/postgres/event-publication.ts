/**
 * How an event is stored: by a statement of its own, or in a transaction of the host's. Nobody waits for an open transaction that has stored one of
 * the same id: its lock is asked for and not waited for. A row comes back as one text, because a host's connection may read numbers and JSON
 * its own way.
 */
import {
  type EventRecord,
  type EventRefusal,
  type EventStage,
  type NewEvent,
  type Publication,
} from "../core/ports/events.ts";
import type { Sender } from "../postgres-connection/pool.ts";
import { lockNumber } from "./keys.ts";
import { parseJson, parseOptional } from "./rows.ts";

export interface EventRow {
  readonly workspace: string;
  readonly id: string;
  readonly name: string;
  readonly fingerprint: string;
  readonly chain: string;
  readonly published_at: number;
  readonly rev: number;
  readonly stage: EventStage;
  readonly after: string | null;
  readonly runs: number;
  readonly no_room: number;
  readonly started: number;
  readonly refused: number;
  readonly refusals: string | null;
  readonly failures: number;
}

export const EVENT_COLUMNS = `e.workspace, e.id, e.name, e.fingerprint, e.chain::text as chain, e.published_at, e.rev, e.stage,
  e.after::text as after, e.runs, e.no_room, e.started, e.refused, e.refusals::text as refusals, e.failures`;

export async function publishEvent(
  session: Sender,
  s: string,
  { event, holdMs }: { readonly event: NewEvent; readonly holdMs: number },
): Promise<Publication> {
  const { workspace, id, name, payload, fingerprint, chain, keepMs } = event;
  const lock = lockNumber(s, ["'event'", "$1::text", "$2::text"]);
  const [stored] = await session.query<{ event: string }>({
    name: "flowforge_publish",
    // One whose time is over is gone, also where its row is still there.
    text: `with clock as materialized (select ${s}.now() as t, pg_try_advisory_xact_lock(${lock}) as granted),
      stored as (
        insert into ${s}.events as e (workspace, id, name, payload, fingerprint, chain, published_at, expires_at, due_at)
        select $1, $2, $3, $4, $5, $6, clock.t, clock.t + $7::int8, clock.t + $8::int8 from clock where clock.granted
        on conflict (workspace, id) do update set name = excluded.name, payload = excluded.payload,
          fingerprint = excluded.fingerprint, chain = excluded.chain, published_at = excluded.published_at,
          expires_at = excluded.expires_at, due_at = excluded.due_at, rev = e.rev + 1, stage = 'waits', after = null, runs = 0,
          no_room = 0, started = 0, refused = 0, refusals = null, failures = 0
        where e.stage = 'done' and e.expires_at <= excluded.published_at
        returning ${EVENT_COLUMNS})
      select row_to_json(stored)::text as event from stored`,
    values: [
      workspace,
      id,
      name,
      JSON.stringify(payload),
      fingerprint,
      JSON.stringify(chain),
      keepMs,
      holdMs,
    ],
  });
  if (stored) return { published: true, event: { ...recordIn(stored.event), payload } };
  const [known] = await session.query<{ event: string }>({
    text: `select row_to_json(o)::text as event from (
      select ${EVENT_COLUMNS} from ${s}.events e where e.workspace = $1 and e.id = $2) o`,
    values: [workspace, id],
  });
  return { published: false, event: known ? recordIn(known.event) : null };
}

function recordIn(text: string): EventRecord {
  return eventRecord(JSON.parse(text) as EventRow);
}

export function eventRecord(row: EventRow): EventRecord {
  const { workspace, id, name, fingerprint, rev, stage, runs, started, refused, failures } = row;
  return {
    workspace,
    id,
    name,
    fingerprint,
    chain: parseJson(row.chain) as readonly string[],
    publishedAt: row.published_at,
    rev,
    stage,
    after: (parseOptional(row.after) ?? null) as EventRecord["after"],
    runs,
    full: row.no_room,
    started,
    refused,
    refusals: (parseOptional(row.refusals) ?? []) as unknown as readonly EventRefusal[],
    failures,
  };
}
