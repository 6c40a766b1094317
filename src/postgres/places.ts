/**
 * Places of workspaces: see `PlaceStore`. The lock of each workspace is taken by a statement of its own, so that the next one sees what
 * others have written before; in the order of the workspaces, so that nobody waits for each other.
 */
import type { Places, PlaceStore, WorkspacePlaceAsk } from "../core/ports/allowances.ts";
import { int4Array, textArray } from "./arrays.ts";
import { lockNumber } from "./keys.ts";
import type { ConnectionPool, Session } from "../postgres-connection/pool.ts";

/** A want that nobody has spoken of for so long is forgotten. */
export const WANT_MS = 5_000;

interface Row {
  readonly workspace: string;
  readonly places: number;
  readonly cap: number | null;
}

/** As `shareOfPlaces` says. */
function leaseText(s: string): string {
  return `with clock as materialized (select ${s}.now() as t),
a as materialized (
  select x.*, coalesce(o.held, 0) as held, o.oldest, coalesce(o.others, 0) as others, coalesce(m.since, clock.t) as mine
  from clock, unnest($2::text[], $3::int4[], $4::int4[], $5::int4[]) as x(workspace, lim, used, wanted)
  left join lateral (
    select sum(p.places)::int4 as held, count(*)::int4 as others,
      min(p.since) filter (where p.at > clock.t - ${WANT_MS}) as oldest
    from ${s}.workspace_places p join ${s}.workers w on w.id = p.worker and w.dead_at is null
    where p.workspace = x.workspace and p.worker <> $1 and (p.places > 0 or (p.since is not null and p.at > clock.t - ${WANT_MS}))) o on true
  left join ${s}.workspace_places m on m.workspace = x.workspace and m.worker = $1),
c as materialized (
  select a.*, case when a.oldest is not null then a.lim / (a.others + 1) + (a.oldest >= a.mine)::int4 end as cap from a),
g as materialized (
  select c.*, greatest(c.used, least(c.used + c.wanted, c.lim - c.held, coalesce(c.cap, 2147483647))) as places from c),
gone as (
  delete from ${s}.workspace_places p using g where p.workspace = g.workspace and p.worker = $1 and g.places = 0 and g.wanted = 0),
kept as (
  insert into ${s}.workspace_places as p (workspace, worker, at, since, places)
  select g.workspace, $1, clock.t, case when g.places < g.used + g.wanted then g.mine end, g.places
  from g, clock where g.places > 0 or g.wanted > 0
  on conflict (workspace, worker) do update set at = excluded.at, since = excluded.since, places = excluded.places)
select workspace, places, cap from g`;
}

export function placeStore(pool: ConnectionPool, s: string): PlaceStore {
  const lock = `select pg_advisory_xact_lock(${lockNumber(s, ["w.workspace", "'places'", "''"])})
    from (select workspace from unnest($1::text[]) u(workspace) order by workspace) w`;
  const text = leaseText(s);
  const lease = async (
    session: Session,
    worker: string,
    asks: readonly WorkspacePlaceAsk[],
  ): Promise<readonly Row[]> => {
    const workspaces = textArray(asks.map(({ workspace }) => workspace));
    const values = [
      worker,
      workspaces,
      int4Array(asks.map(({ limit }) => limit)),
      int4Array(asks.map(({ used }) => used)),
      int4Array(asks.map(({ wanted }) => wanted)),
    ];
    await session.query({ name: "flowforge_lock_places", text: lock, values: [workspaces] });
    return session.query<Row>({ name: "flowforge_lease_places", text, values });
  };
  return {
    async lease(worker, asks) {
      if (asks.length === 0) return [];
      const rows = await pool.use(async (session) => {
        await session.query({ text: "begin; set local lock_timeout = '2s'" });
        try {
          const leased = await lease(session, worker, asks);
          await session.query({ text: "commit" });
          return leased;
        } catch (error) {
          await session.query({ text: "rollback" }).catch(() => undefined);
          throw error;
        }
      });
      const byWorkspace = new Map(rows.map(({ workspace, places, cap }) => [workspace, { places, cap }]));
      return asks.map(({ workspace }): Places => byWorkspace.get(workspace)!);
    },
  };
}
