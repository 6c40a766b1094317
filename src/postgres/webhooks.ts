/**
 * Deliveries of webhooks: see `WebhookStore`. The unique indexes on their keys decide who is first; every write here is one statement, and
 * asks for the status that it expects.
 */
import {
  type Claim,
  DELIVERY_KEEP_MS,
  type DeliveryDetail,
  type DeliveryFilter,
  type DeliveryKeys,
  type DeliveryPage,
  type DeliveryPlace,
  type DeliveryRecord,
  type DeliveryStatus,
  type NewDelivery,
  type Rejection,
  type WebhookStore,
} from "../core/ports/webhooks.ts";
import { errorCode } from "../postgres-connection/failures.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { checkedLimit, readCursor, writeCursor } from "./pages.ts";
import { parseJson } from "./rows.ts";

interface DeliveryRow extends Omit<
  DeliveryRecord,
  "headers" | "status" | "bodyKey" | "runId" | "receivedAt"
> {
  readonly headers: string;
  readonly status: string;
  readonly body_key: string | null;
  readonly run_id: string | null;
  readonly received_at: number;
}

const COLUMNS = `d.id, d.run_id, d.received_at, d.size, d.repeats, d.verified, d.status, d.workspace, d.path, d.workflow,
  d.trigger, d.key, d.body_key, d.reason, d.detail, d.headers`;
/** As text: what the driver makes of bytes is a setting of the host's pool. */
const WITH_BODY = `${COLUMNS}, encode(d.body, 'base64') as body`;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function webhookStore(pool: ConnectionPool, s: string): WebhookStore {
  return new Webhooks(pool, s);
}

class Webhooks implements WebhookStore {
  readonly #pool: ConnectionPool;
  readonly #s: string;

  constructor(pool: ConnectionPool, s: string) {
    this.#pool = pool;
    this.#s = s;
  }

  async claim(delivery: NewDelivery, runId: string): Promise<Claim> {
    for (;;) {
      const inserted = await this.#pool.query({
        text: `${this.#insert("'received'")} on conflict do nothing returning 1 as one`,
        values: [...valuesOf(delivery), runId, null, null],
      });
      if (inserted.length > 0) return { claimed: true };
      const known = await this.repeated(delivery, delivery);
      if (known) return { claimed: false, known };
      // Whoever had the keys is rejected or over by now.
      await this.#pool.query({
        text: `delete from ${this.#s}.webhook_deliveries d where ${HAS_KEYS} and status = 'accepted' and expires_at <= ${this.#s}.now()`,
        values: keysOf(delivery, delivery),
      });
    }
  }

  async repeated(place: DeliveryPlace, keys: DeliveryKeys): Promise<DeliveryRecord | null> {
    const rows = await this.#pool.query<DeliveryRow>({
      text: `update ${this.#s}.webhook_deliveries d set repeats = repeats + 1
        where ${HAS_KEYS} and (status = 'received' or status = 'accepted' and expires_at > ${this.#s}.now())
        returning ${COLUMNS}`,
      values: keysOf(place, keys),
    });
    // Two, where the key is that of one and the body that of another.
    const found = rows.find(({ key }) => key !== null && key === keys.key) ?? rows[0];
    return found ? recordOf(found) : null;
  }

  async accept(id: string): Promise<void> {
    await this.#pool.query({
      text: `update ${this.#s}.webhook_deliveries set status = 'accepted', body = null where id = $1 and status = 'received'`,
      values: [id],
    });
  }

  async reject(id: string, { reason, detail }: Rejection): Promise<void> {
    await this.#pool.query({
      text: `update ${this.#s}.webhook_deliveries set status = 'rejected', run_id = null, reason = $2, detail = $3
        where id = $1 and status = 'received'`,
      values: [id, reason, detail],
    });
  }

  async refuse(delivery: NewDelivery, { reason, detail }: Rejection, most: number): Promise<void> {
    const { workspace, path, verified } = delivery;
    await this.#pool.query({
      text: this.#insert("'rejected'"),
      values: [...valuesOf(delivery), null, reason, detail],
    });
    await this.#pool.query({
      text: `delete from ${this.#s}.webhook_deliveries where status = 'rejected' and id in (
        select id from ${this.#s}.webhook_deliveries
        where workspace = $1 and path = $2 and verified = $3 and status = 'rejected'
        order by received_at desc, id desc offset $4)`,
      values: [workspace, path, verified, most],
    });
  }

  async reopen(ref: Parameters<WebhookStore["reopen"]>[0]): ReturnType<WebhookStore["reopen"]> {
    if (!UUID.test(ref.id)) return "gone";
    for (;;) {
      try {
        return await this.#reopen(ref);
      } catch (error) {
        // A claim of these keys was committed after the statement began. Another look says whether it still has them.
        if (!isKeyTaken(error)) throw error;
      }
    }
  }

  async #reopen(ref: Parameters<WebhookStore["reopen"]>[0]): ReturnType<WebhookStore["reopen"]> {
    const { workspace, id, runId, keys } = ref;
    // The row is locked first, so that of two one is `gone`; the keys are looked at with what is committed then.
    const [row] = await this.#pool.query<{ reopened: boolean }>({
      text: `with mine as materialized (
          select * from ${this.#s}.webhook_deliveries where workspace = $1 and id = $2 and status = 'rejected' for update),
        free as materialized (
          select mine.id from mine where not exists (select from ${this.#s}.webhook_deliveries o
            where o.workspace = mine.workspace and o.path = mine.path and o.status <> 'rejected'
              and (o.key = $4 or o.body_key = $5))),
        moved as (
          update ${this.#s}.webhook_deliveries d set status = 'received', run_id = $3, key = $4, body_key = $5, reason = null, detail = null,
            touched_at = ${this.#s}.now(), expires_at = ${this.#s}.now() + ${DELIVERY_KEEP_MS}
          from free where d.id = free.id returning d.id)
        select exists (select from moved) as reopened from mine`,
      values: [workspace, id, runId, keys.key, keys.bodyKey],
    });
    if (!row) return "gone";
    return row.reopened ? "reopened" : "taken";
  }

  async get(workspace: string, id: string): Promise<DeliveryDetail | null> {
    if (!UUID.test(id)) return null;
    const [row] = await this.#pool.query<DeliveryRow & { body: string | null }>({
      text: `select ${WITH_BODY} from ${this.#s}.webhook_deliveries d where d.workspace = $1 and d.id = $2`,
      values: [workspace, id],
    });
    return row ? detailOf(row) : null;
  }

  async page(filter: DeliveryFilter): Promise<DeliveryPage> {
    const { workspace, path, status, cursor } = filter;
    const limit = checkedLimit(filter.limit);
    const before = cursor === undefined ? null : readCursor(cursor, (id) => UUID.test(id));
    const rows = await this.#pool.query<DeliveryRow>({
      text: `select ${COLUMNS} from ${this.#s}.webhook_deliveries d
        where workspace = $1 and ($2::text is null or path = $2) and ($3::text is null or status = $3)
          and ($4::bigint is null or (received_at, id) < ($4, $5::uuid))
        order by received_at desc, id desc limit $6`,
      values: [workspace, path ?? null, status ?? null, before?.at ?? null, before?.id ?? null, limit + 1],
    });
    const items = rows.slice(0, limit).map(recordOf);
    const last = rows.length > limit ? items.at(-1) : undefined;
    return { items, cursor: last ? writeCursor({ at: last.receivedAt, id: last.id }) : null };
  }

  async unfinished(options: Parameters<WebhookStore["unfinished"]>[0]): Promise<readonly DeliveryDetail[]> {
    const rows = await this.#pool.query<DeliveryRow & { body: string | null }>({
      text: `with left_over as materialized (
          select id, touched_at as since from ${this.#s}.webhook_deliveries
          where status = 'received' and touched_at < ${this.#s}.now() - $1::bigint
          order by touched_at limit $2 for update skip locked),
        taken as (
          update ${this.#s}.webhook_deliveries d set touched_at = ${this.#s}.now() from left_over
          where d.id = left_over.id returning ${WITH_BODY}, left_over.since)
        select * from taken order by since`,
      values: [options.olderThanMs, options.limit],
    });
    return rows.map(detailOf);
  }

  async expire(limit: number): Promise<number> {
    const rows = await this.#pool.query({
      text: `delete from ${this.#s}.webhook_deliveries where status <> 'received' and id in (
        select id from ${this.#s}.webhook_deliveries where expires_at <= ${this.#s}.now() and status <> 'received'
        order by expires_at limit $1) returning 1 as one`,
      values: [limit],
    });
    return rows.length;
  }

  #insert(status: string): string {
    return `insert into ${this.#s}.webhook_deliveries (id, workspace, path, workflow, trigger, verified, key, body_key, headers,
        body, size, run_id, reason, detail, status, received_at, touched_at, expires_at)
      select $1, $2, $3, $4, $5, $6, $7, $8, $9, decode($10, 'base64'), $11, $12, $13, $14, ${status}, clock.t, clock.t,
        clock.t + ${DELIVERY_KEEP_MS} from (select ${this.#s}.now() as t) clock`;
  }
}

const HAS_KEYS = `workspace = $1 and path = $2 and status <> 'rejected' and (key = $3 or body_key = $4)`;

function isKeyTaken(error: unknown): boolean {
  if (errorCode(error) !== "23505" || typeof error !== "object" || error === null) return false;
  const constraint = "constraint" in error ? error.constraint : undefined;
  return constraint === "webhook_deliveries_key" || constraint === "webhook_deliveries_body_key";
}

function keysOf({ workspace, path }: DeliveryPlace, { key, bodyKey }: DeliveryKeys): unknown[] {
  return [workspace, path, key, bodyKey];
}

function valuesOf(delivery: NewDelivery): unknown[] {
  const { id, workspace, path, workflow, trigger, verified, key, bodyKey, headers, body, size } = delivery;
  const bytes = Buffer.from(body).toString("base64");
  return [
    id,
    workspace,
    path,
    workflow,
    trigger,
    verified,
    key,
    bodyKey,
    JSON.stringify(headers),
    bytes,
    size,
  ];
}

function recordOf(row: DeliveryRow): DeliveryRecord {
  const { id, workspace, path, workflow, trigger, verified, key, size, reason, detail, repeats } = row;
  return {
    id,
    workspace,
    path,
    workflow,
    trigger,
    verified,
    key,
    bodyKey: row.body_key,
    headers: parseJson(row.headers) as { readonly [name: string]: string },
    size,
    status: row.status as DeliveryStatus,
    reason,
    detail,
    runId: row.run_id,
    repeats,
    receivedAt: row.received_at,
  };
}

function detailOf(row: DeliveryRow & { readonly body: string | null }): DeliveryDetail {
  const body = row.body === null ? null : new Uint8Array(Buffer.from(row.body, "base64"));
  return { ...recordOf(row), body };
}
