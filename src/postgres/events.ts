/** Events of workspaces: see `EventStore`. Every write is one statement, and asks for the state that it expects. */
import {
  EVENT_KEEP_MS,
  type EventChange,
  type EventDetail,
  type EventFilter,
  type EventPage,
  type EventRecord,
  type EventRef,
  type EventStore,
  type NewEvent,
  type Publication,
} from "../core/ports/events.ts";
import type { Announcement } from "../core/ports/commit.ts";
import { jsonArray, textArray } from "./arrays.ts";
import { announceText } from "./commit-events.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { EVENT_COLUMNS, type EventRow, eventRecord, publishEvent } from "./event-publication.ts";
import { checkedLimit, readCursor, writeCursor } from "./pages.ts";
import { parseOptional } from "./rows.ts";

type DetailRow = EventRow & { readonly payload: string | null };

/** How an id stands in a cursor, where a space ends it. */
const HEX = /^(?:[0-9a-f]{2})+$/;

export function eventStore(pool: ConnectionPool, s: string): EventStore {
  return new Events(pool, s);
}

class Events implements EventStore {
  readonly #pool: ConnectionPool;
  readonly #s: string;

  constructor(pool: ConnectionPool, s: string) {
    this.#pool = pool;
    this.#s = s;
  }

  publish(event: NewEvent, holdMs: number): Promise<Publication> {
    return this.#pool.use((session) => publishEvent(session, this.#s, { event, holdMs }));
  }

  async announce(announcements: readonly Announcement[]): Promise<void> {
    if (announcements.length === 0) return;
    await this.#pool.query({
      text: announceText(this.#s),
      values: [
        textArray(announcements.map(({ workspace }) => workspace)),
        textArray(announcements.map(({ id }) => id)),
        textArray(announcements.map(({ name }) => name)),
        jsonArray(announcements.map(({ payload }) => JSON.stringify(payload))),
        jsonArray(announcements.map(({ chain }) => JSON.stringify(chain))),
      ],
    });
  }

  async due({ holdMs, limit }: Parameters<EventStore["due"]>[0]): Promise<readonly EventDetail[]> {
    const rows = await this.#pool.query<DetailRow>({
      name: "flowforge_due_events",
      text: `with clock as materialized (select ${this.#s}.now() as t),
        free as materialized (
          select e.workspace, e.id, e.due_at from ${this.#s}.events e
          where e.stage <> 'done' and e.due_at <= (select t from clock) order by e.due_at limit $2 for update skip locked),
        held as (
          update ${this.#s}.events e set due_at = clock.t + $1::int8 from free, clock
          where e.workspace = free.workspace and e.id = free.id returning ${EVENT_COLUMNS}, e.payload, free.due_at as since)
        select * from held order by since, id`,
      values: [holdMs, limit],
    });
    return rows.map(detailOf);
  }

  async advance({ workspace, id }: EventRef, rev: number, change: EventChange): Promise<boolean> {
    const { stage, after, runs, full, started, refused, refusals, failures, holdMs } = change;
    const written = await this.#pool.query({
      name: "flowforge_advance_event",
      text: `update ${this.#s}.events set rev = rev + 1, stage = $4, after = $5, runs = $6, no_room = $7, started = $8, refused = $9,
          refusals = $10, failures = $11, due_at = ${this.#s}.now() + $12::int8, payload = case when $4 <> 'done' then payload end,
          expires_at = case when $9 > 0 then greatest(expires_at, published_at + ${EVENT_KEEP_MS}) else expires_at end
        where workspace = $1 and id = $2 and rev = $3 and stage <> 'done' returning 1 as one`,
      values: [
        workspace,
        id,
        rev,
        stage,
        after === null ? null : JSON.stringify(after),
        runs,
        full,
        started,
        refused,
        refusals.length === 0 ? null : JSON.stringify(refusals),
        failures,
        holdMs,
      ],
    });
    return written.length > 0;
  }

  async get({ workspace, id }: EventRef): Promise<EventRecord | null> {
    const [row] = await this.#pool.query<EventRow>({
      text: `select ${EVENT_COLUMNS} from ${this.#s}.events e where e.workspace = $1 and e.id = $2`,
      values: [workspace, id],
    });
    return row ? eventRecord(row) : null;
  }

  async page(filter: EventFilter): Promise<EventPage> {
    const { workspace, name, refused, cursor } = filter;
    const limit = checkedLimit(filter.limit);
    const before = cursor === undefined ? null : readCursor(cursor, (text) => HEX.test(text));
    const beforeId = before && Buffer.from(before.id, "hex").toString();
    const rows = await this.#pool.query<EventRow>({
      text: `select ${EVENT_COLUMNS} from ${this.#s}.events e
        where e.workspace = $1 and ($2::text is null or e.name = $2) and (not $3::bool or e.refused > 0)
          and ($4::bigint is null or (e.published_at, e.id) < ($4, $5))
        order by e.published_at desc, e.id desc limit $6`,
      values: [workspace, name ?? null, refused ?? false, before?.at ?? null, beforeId, limit + 1],
    });
    const items = rows.slice(0, limit).map(eventRecord);
    const last = rows.length > limit ? items.at(-1) : undefined;
    const hex = last && Buffer.from(last.id).toString("hex");
    return { items, cursor: last && hex ? writeCursor({ at: last.publishedAt, id: hex }) : null };
  }

  async expire(limit: number): Promise<number> {
    const rows = await this.#pool.query({
      text: `delete from ${this.#s}.events e using (
          select workspace, id from ${this.#s}.events where stage = 'done' and expires_at <= ${this.#s}.now()
          order by expires_at limit $1 for update skip locked) over
        where e.workspace = over.workspace and e.id = over.id returning 1 as one`,
      values: [limit],
    });
    return rows.length;
  }
}

function detailOf(row: DetailRow): EventDetail {
  return { ...eventRecord(row), payload: parseOptional(row.payload) ?? null };
}
