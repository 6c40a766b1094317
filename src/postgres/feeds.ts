/**
 * What happens in a workspace: see `FeedStore`. Triggers write the events (migration "feeds"), each with the number of its transaction. Below the
 * oldest transaction that is open anywhere on the server, nothing can appear any more: that is what is settled.
 */
import { FlowForgeError } from "../core/errors.ts";
import { FEED_KEEP_MS, type FeedPage, type FeedStore, type FeedEventType } from "../core/ports/feed.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { checkedLimit } from "./pages.ts";

interface Row {
  readonly horizon: string;
  readonly mark: string;
  readonly exact: boolean;
  readonly complete: boolean;
  /** `null`: there is no event. */
  readonly xid: string | null;
  readonly settled: boolean;
  readonly id: string;
  readonly at: number;
  readonly run_id: string;
  readonly type: FeedEventType;
  readonly workflow: string;
  readonly node: string | null;
  readonly dead_letter: string | null;
}

/** The number of a transaction, and that of an event. */
const POSITION = /^(\d{1,18})\.(\d{1,18})$/;

export function feedStore(pool: ConnectionPool, s: string): FeedStore {
  return {
    async listen(workspace) {
      await pool.query({
        text: `insert into ${s}.feeds as f (workspace, until, floor)
          select $1, ${s}.now() + ${FEED_KEEP_MS}, pg_current_xact_id()
          on conflict (workspace) do update set until = excluded.until,
            floor = case when f.until > ${s}.now() then f.floor else excluded.floor end`,
        values: [workspace],
      });
    },

    async read({ workspace, after, since = null, until = null, limit }) {
      const [xid, id] = after === null ? [null, null] : numbersOf(after);
      const rows = await pool.query<Row>({
        text: `with m as materialized (
            select coalesce($6::text::pg_snapshot, pg_current_snapshot()) as mark, $5::text::pg_snapshot as since),
          p as materialized (
            select m.*, pg_snapshot_xmin(m.mark) as horizon, pg_snapshot_xmax(pg_current_snapshot()) as next from m)
          select p.horizon::text, p.mark::text, coalesce(p.horizon > f.floor, false) as exact,
            coalesce($2::text::xid8 > f.floor and $2::text::xid8 <= p.next, false) as complete,
            e.xid::text, e.xid < p.horizon as settled, e.id::text, e.at, e.run_id, e.type, e.workflow, e.node, e.dead_letter::text
          from p left join ${s}.feeds f on f.workspace = $1 and f.until > ${s}.now()
          left join lateral (select * from ${s}.feed_events e
            where e.workspace = $1 and (e.xid, e.id) > ($2::text::xid8, $3::bigint)
              and pg_visible_in_snapshot(e.xid, p.since) is not true and ($6::text is null or pg_visible_in_snapshot(e.xid, p.mark))
            order by e.xid, e.id limit $4) e on true
          order by e.xid, e.id`,
        values: [workspace, xid, id, checkedLimit(limit), since, until],
      });
      return pageOf(rows);
    },

    async trim(limit) {
      const [row] = await pool.query<{ n: number }>({
        text: `with old as (
            select ctid from ${s}.feed_events where at < ${s}.now() - ${FEED_KEEP_MS} limit $1),
          gone as (
            delete from ${s}.feed_events where ctid = any (array(select ctid from old)) returning workspace, xid),
          raised as (
            update ${s}.feeds f set floor = greatest(f.floor, g.xid)
            from (select workspace, max(xid) as xid from gone group by workspace) g where f.workspace = g.workspace),
          silent as (
            delete from ${s}.feeds where until < ${s}.now() - ${FEED_KEEP_MS})
          select count(*)::int as n from gone`,
        values: [limit],
      });
      return row?.n ?? 0;
    },
  };
}

function pageOf(rows: readonly Row[]): FeedPage {
  const { horizon, mark, exact, complete } = rows[0]!;
  const items = rows.flatMap(({ xid, settled, ...row }) => {
    if (xid === null) return [];
    const { id, at, run_id: runId, type, workflow, node, dead_letter: deadLetterId } = row;
    return [
      { event: { id, at, runId, type, workflow, node, deadLetterId }, position: `${xid}.${id}`, settled },
    ];
  });
  return { items, mark, settled: `${horizon}.0`, isExact: exact, isComplete: complete };
}

function numbersOf(position: string): readonly [string, string] {
  const [, xid, id] = POSITION.exec(position) ?? [];
  if (xid !== undefined && id !== undefined) return [xid, id];
  throw new FlowForgeError("option_invalid", {
    subject: 'option "after"',
    expected: "a position of this feed",
    next: "Pass one that an event came with.",
  });
}
