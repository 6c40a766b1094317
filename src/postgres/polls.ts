/** Polls and the items that they have seen: see `PollStore`. */
import type { PollSource } from "../core/definition/document.ts";
import type { Json } from "../core/json.ts";
import type {
  DuePoll,
  ItemRefusal,
  PollPlace,
  PollRecord,
  PollStage,
  PollStore,
} from "../core/ports/polls.ts";
import type { ConnectionPool, Session } from "../postgres-connection/pool.ts";

interface PollRow extends PollPlace {
  readonly source: string;
  readonly rev: number;
  readonly paused: boolean;
  readonly stage: PollStage;
  readonly series: number;
  readonly cursor: string;
  readonly due_at: number;
  readonly holder: string | null;
  readonly failures: number;
  readonly last_at: number | null;
  readonly last_items: number;
  readonly last_error: string | null;
  readonly last_refusal: string | null;
}

const COLUMNS = `p.workspace, p.workflow, p.node, p.source, p.rev, p.paused, p.stage, p.series, p.cursor, p.due_at, p.holder,
  p.failures, p.last_at, p.last_items, p.last_error, p.last_refusal`;
const SAME_PLACE = "t.workspace = p.workspace and t.workflow = p.workflow and t.node = p.node";
/** The order of keys in a document has no meaning. */
const SAME_SOURCE = "t.source::jsonb = p.source::jsonb";
const AT_PLACE = "p.workspace = $1 and p.workflow = $2 and p.node = $3";
const IN_SERIES =
  "i.workspace = p.workspace and i.workflow = p.workflow and i.node = p.node and i.series = p.series";
/** Seen again within a day is not written again: most of what a poll finds was there the time before. */
const TOUCH_MS = 24 * 60 * 60 * 1_000;

export function pollStore(pool: ConnectionPool, s: string): PollStore {
  return { ...ofTriggers(pool, s), ...claims(pool, s), ...single(pool, s), ...items(pool, s) };
}

function ofTriggers(pool: ConnectionPool, s: string): Pick<PollStore, "sync" | "due"> {
  const isEnabled = `exists (select from ${s}.workflows w
    where w.workspace = t.workspace and w.name = t.workflow and w.enabled)`;
  return {
    sync: () =>
      pool.use(async (session) => {
        await session.query({
          text: `insert into ${s}.polls (workspace, workflow, node, source, series, due_at)
            select t.workspace, t.workflow, t.node, t.source, ${s}.now(), ${s}.now() from ${s}.triggers t
            where t.type = 'poll' and ${isEnabled} and not exists (select from ${s}.polls p where ${SAME_PLACE})
            on conflict do nothing`,
        });
        await followSources(session, s);
        await session.query({
          text: `delete from ${s}.polls p where not exists (
            select from ${s}.triggers t where ${SAME_PLACE} and t.type = 'poll')`,
        });
        await session.query({
          text: `update ${s}.polls p set stage = 'again', holder = null, rev = p.rev + 1
            from ${s}.workflows w where w.workspace = p.workspace and w.name = p.workflow and not w.enabled
              and (p.stage <> 'again' or p.holder is not null)`,
        });
      }),
    async due({ worker, actions, limit }) {
      const rows = await pool.query<PollRow & { version: number }>({
        text: `select ${COLUMNS}, t.version from ${s}.polls p
          join ${s}.triggers t on ${SAME_PLACE} and ${SAME_SOURCE} and t.type = 'poll' and ${isEnabled}
          where not p.paused and p.due_at <= ${s}.now() and p.source->>'action' = any ($2)
            and (p.holder is null or p.holder = $1
              or not exists (select from ${s}.workers w where w.id = p.holder and w.dead_at is null))
          order by p.due_at limit $3`,
        values: [worker, actions, limit],
      });
      return rows.map((row): DuePoll => ({ ...recordOf(row), version: row.version }));
    },
  };
}

async function followSources(session: Session, s: string): Promise<void> {
  const part = (of: "t" | "p", field: string): string =>
    `coalesce(${of}.source::jsonb->'${field}', '{}'::jsonb)`;
  const sameQuestion = `(${part("t", "action")} = ${part("p", "action")} and ${part("t", "input")} = ${part("p", "input")})`;
  const changed = `${SAME_PLACE} and t.type = 'poll' and not ${SAME_SOURCE}`;
  await session.query({
    text: `update ${s}.polls p set source = t.source, due_at = least(p.due_at, ${s}.now())
      from ${s}.triggers t where ${changed} and ${sameQuestion}`,
  });
  await session.query({
    text: `update ${s}.polls p set source = t.source, series = greatest(p.series + 1, ${s}.now()), due_at = ${s}.now(),
        cursor = 'null', stage = 'first', holder = null, failures = 0, last_error = null, last_refusal = null, rev = p.rev + 1
      from ${s}.triggers t where ${changed} and not ${sameQuestion}`,
  });
}

function claims(pool: ConnectionPool, s: string): Pick<PollStore, "claim" | "finish"> {
  return {
    async claim({ workspace, workflow, node }, rev, worker) {
      const claimed = await pool.query({
        text: `update ${s}.polls p set holder = $5, rev = p.rev + 1 where ${AT_PLACE} and p.rev = $4 returning 1 as one`,
        values: [workspace, workflow, node, rev, worker],
      });
      return claimed.length > 0;
    },
    async finish({ workspace, workflow, node }, rev, end) {
      const { stage, cursor, failures, lastItems, lastError, lastRefusal, delayMs, succeeded, seen } = end;
      const ended = await pool.query({
        text: `with ended as (
            update ${s}.polls p set holder = null, rev = p.rev + 1, stage = $5, cursor = $6, failures = $7, last_items = $8,
              last_error = $9, last_refusal = $10, due_at = ${s}.now() + $11::bigint,
              last_at = case when $12 then ${s}.now() else p.last_at end
            where ${AT_PLACE} and p.rev = $4 and p.holder is not null returning p.workspace, p.workflow, p.node, p.series),
          noted as (
            insert into ${s}.poll_items as i (workspace, workflow, node, series, item, seen_at)
            select e.workspace, e.workflow, e.node, e.series, item, ${s}.now() from ended e, unnest($13::text[]) item
            on conflict (workspace, workflow, node, series, item) do update set seen_at = excluded.seen_at
            where i.seen_at < excluded.seen_at - ${TOUCH_MS})
          select 1 as one from ended`,
        values: [
          workspace,
          workflow,
          node,
          rev,
          stage,
          JSON.stringify(cursor),
          failures,
          lastItems,
          lastError,
          lastRefusal && JSON.stringify(lastRefusal),
          delayMs,
          succeeded,
          [...new Set(seen)],
        ],
      });
      return ended.length > 0;
    },
  };
}

function single(pool: ConnectionPool, s: string): Pick<PollStore, "setPaused" | "hurry" | "get" | "list"> {
  return {
    async setPaused({ workspace, workflow, node }, paused) {
      const rows = await pool.query({
        text: `update ${s}.polls p set paused = $4 where ${AT_PLACE} returning 1 as one`,
        values: [workspace, workflow, node, paused],
      });
      return rows.length > 0;
    },
    async hurry({ workspace, workflow, node }) {
      const rows = await pool.query({
        text: `update ${s}.polls p set due_at = least(p.due_at, ${s}.now()) where ${AT_PLACE} returning 1 as one`,
        values: [workspace, workflow, node],
      });
      return rows.length > 0;
    },
    async get({ workspace, workflow, node }) {
      const [row] = await pool.query<PollRow>({
        text: `select ${COLUMNS} from ${s}.polls p where ${AT_PLACE}`,
        values: [workspace, workflow, node],
      });
      return row ? recordOf(row) : null;
    },
    async list({ workspace, workflow, after, limit }) {
      const rows = await pool.query<PollRow>({
        text: `select ${COLUMNS} from ${s}.polls p
          where p.workspace = $1 and ($2::text is null or (p.workflow, p.node) > ($2, $3))
            and ($5::text is null or p.workflow = $5)
          order by p.workflow, p.node limit $4`,
        values: [workspace, after?.workflow ?? null, after?.node ?? null, limit, workflow ?? null],
      });
      return rows.map(recordOf);
    },
  };
}

function items(pool: ConnectionPool, s: string): Pick<PollStore, "seen" | "expire"> {
  return {
    async seen({ workspace, workflow, node, series }, ids) {
      const rows = await pool.query<{ item: string }>({
        text: `select p.item from ${s}.poll_items p where ${AT_PLACE} and p.series = $4 and p.item = any ($5)`,
        values: [workspace, workflow, node, series, ids],
      });
      return new Set(rows.map(({ item }) => item));
    },
    async expire({ olderThanMs, most }) {
      const over = await pool.query({
        text: `delete from ${s}.poll_items i where not exists (select from ${s}.polls p
            where ${IN_SERIES} and i.seen_at >= ${s}.now() - $1::bigint) returning 1 as one`,
        values: [olderThanMs],
      });
      const more = await pool.query({
        text: `delete from ${s}.poll_items i using (
            select p.workspace, p.workflow, p.node, p.series, c.seen_at, c.item from ${s}.polls p cross join lateral (
              select i.seen_at, i.item from ${s}.poll_items i where ${IN_SERIES}
              order by i.seen_at desc, i.item desc offset $1 limit 1) c) p
          where ${IN_SERIES} and (i.seen_at, i.item) <= (p.seen_at, p.item) returning 1 as one`,
        values: [most],
      });
      return over.length + more.length;
    },
  };
}

function recordOf(row: PollRow): PollRecord {
  return {
    workspace: row.workspace,
    workflow: row.workflow,
    node: row.node,
    source: JSON.parse(row.source) as PollSource,
    rev: row.rev,
    paused: row.paused,
    stage: row.stage,
    series: row.series,
    cursor: JSON.parse(row.cursor) as Json,
    dueAt: row.due_at,
    holder: row.holder,
    failures: row.failures,
    lastAt: row.last_at,
    lastItems: row.last_items,
    lastError: row.last_error,
    lastRefusal: row.last_refusal === null ? null : (JSON.parse(row.last_refusal) as ItemRefusal),
  };
}
