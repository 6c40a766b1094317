/** What people did: see `AuditStore`. Each write is one statement for many entries. */
import type { AuditFilter, AuditOutcome, AuditPage, AuditRecord, AuditStore } from "../core/ports/audit.ts";
import type { JsonObject } from "../core/json.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { jsonArray, textArray, uuidArray } from "./arrays.ts";
import { isRunId } from "./names.ts";
import { checkedLimit, readCursor, writeCursor } from "./pages.ts";
import { parseOptional } from "./rows.ts";

interface Row {
  readonly id: string;
  readonly at: number;
  readonly ended_at: number | null;
  readonly workspace: string;
  readonly outcome: AuditOutcome;
  readonly action: string;
  readonly kind: string;
  readonly actor: string | null;
  readonly subject: string | null;
  readonly code: string | null;
  readonly details: string | null;
}

export function auditStore(pool: ConnectionPool, s: string): AuditStore {
  return {
    async begin(entries) {
      if (entries.length === 0) return;
      const texts = (of: (entry: (typeof entries)[number]) => string | null) => textArray(entries.map(of));
      await pool.query({
        name: "flowforge_audit_begin",
        text: `insert into ${s}.audit (id, workspace, outcome, action, kind, actor, subject, code, details, at, ended_at)
          select a.id, a.workspace, a.outcome, a.action, a.kind, a.actor, a.subject, a.code, a.details, clock.t,
            case when a.outcome <> 'begun' then clock.t end
          from (select ${s}.now() as t) clock,
            unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::json[])
              as a (id, workspace, outcome, action, kind, actor, subject, code, details)`,
        values: [
          uuidArray(entries.map(({ id }) => id)),
          texts(({ workspace }) => workspace),
          texts(({ outcome }) => outcome),
          texts(({ action }) => action),
          texts(({ kind }) => kind),
          texts(({ actor }) => actor),
          texts(({ subject }) => subject),
          texts(({ code }) => code),
          jsonArray(entries.map(({ details }) => details && JSON.stringify(details))),
        ],
      });
    },

    async end(ends) {
      if (ends.length === 0) return;
      await pool.query({
        name: "flowforge_audit_end",
        text: `update ${s}.audit a set outcome = e.outcome, code = e.code, subject = coalesce(e.subject, a.subject), ended_at = ${s}.now(),
            details = coalesce(e.details, a.details)
          from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::json[]) as e (id, outcome, code, subject, details)
          where a.id = e.id and a.outcome = 'begun'`,
        values: [
          uuidArray(ends.map(({ id }) => id)),
          textArray(ends.map(({ outcome }) => outcome)),
          textArray(ends.map(({ code }) => code)),
          textArray(ends.map(({ subject }) => subject)),
          jsonArray(ends.map(({ details }) => details && JSON.stringify(details))),
        ],
      });
    },

    page: (filter) => page(pool, s, filter),

    async expire({ olderThanMs, limit }) {
      const gone = await pool.query({
        text: `delete from ${s}.audit a using (
            select o.id from ${s}.audit o where o.at < ${s}.now() - $1::int8 order by o.at limit $2 for update skip locked) over
          where a.id = over.id returning 1 as one`,
        values: [olderThanMs, limit],
      });
      return gone.length;
    },
  };
}

async function page(pool: ConnectionPool, s: string, filter: AuditFilter): Promise<AuditPage> {
  const { workspace, actor, action, kind, subject, outcome, since, until, cursor } = filter;
  const limit = checkedLimit(filter.limit);
  const before = cursor === undefined ? null : readCursor(cursor, isRunId);
  const rows = await pool.query<Row>({
    text: `select a.id, a.at, a.ended_at, a.workspace, a.outcome, a.action, a.kind, a.actor, a.subject, a.code, a.details from ${s}.audit a
      where a.workspace = $1 and ($2::text is null or a.actor = $2) and ($3::text is null or a.action = $3)
        and ($4::text is null or a.kind = $4) and ($5::text is null or a.subject = $5) and ($6::text is null or a.outcome = $6)
        and ($7::int8 is null or a.at >= $7) and ($8::int8 is null or a.at < $8)
        and ($9::int8 is null or (a.at, a.id) < ($9, $10::uuid))
      order by a.at desc, a.id desc limit $11`,
    values: [
      workspace,
      actor ?? null,
      action ?? null,
      kind ?? null,
      subject ?? null,
      outcome ?? null,
      since ?? null,
      until ?? null,
      before?.at ?? null,
      before?.id ?? null,
      limit + 1,
    ],
  });
  const items = rows.slice(0, limit).map(recordOf);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return { items, cursor: last ? writeCursor(last) : null };
}

function recordOf({ ended_at, details, ...row }: Row): AuditRecord {
  return { ...row, endedAt: ended_at, details: (parseOptional(details) ?? null) as JsonObject | null };
}
