/**
 * Worker processes: one row and one heartbeat each. A node run is leased exactly while its worker's row is there and not
 * dead; so whoever takes node runs over marks the worker dead first, in a transaction of its own, and looks for rows of dead
 * or missing workers only afterwards. A heartbeat never revives a worker that was declared dead.
 */
import type { Beat, NodeRef, Store, WorkerInfo } from "../core/ports/store.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { nodeRef, type RefRow } from "./rows.ts";

/** Dead workers are remembered this long, for whoever asks why; a missing row means the same as a dead one. */
const FORGET_MS = 3_600_000;

export class Workers {
  readonly #pool: ConnectionPool;
  readonly #schema: string;

  constructor(pool: ConnectionPool, schema: string) {
    this.#pool = pool;
    this.#schema = schema;
  }

  async register(worker: WorkerInfo): Promise<{ readonly now: number }> {
    const s = this.#schema;
    const [row] = await this.#pool.query<{ now: number }>({
      text: `insert into ${s}.workers (id, started_at, heartbeat_at, pid, concurrency, host, lanes, actions, lease_ms)
        select $1, t, t, $2, $3, $4, $5, $6::json, $7 from (select ${s}.now() as t) clock returning heartbeat_at as now`,
      values: [
        worker.id,
        worker.pid,
        worker.concurrency,
        worker.host,
        JSON.stringify(worker.lanes),
        worker.actions ? JSON.stringify(worker.actions) : null,
        worker.leaseMs ?? null,
      ],
    });
    return { now: row!.now };
  }

  async deregister(workerId: string): Promise<void> {
    await this.#pool.query({
      text: `update ${this.#schema}.workers set dead_at = ${this.#schema}.now() where id = $1 and dead_at is null`,
      values: [workerId],
    });
  }

  async live(): Promise<number> {
    const [row] = await this.#pool.query<{ live: number }>({
      text: `select count(*) as live from ${this.#schema}.workers where dead_at is null`,
    });
    return row!.live;
  }

  async scarceActions(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#pool.query<{ action: string; part: number }>({
      name: "flowforge_scarce_actions",
      text: `with working as materialized (select id, actions from ${this.#schema}.workers
          where dead_at is null and json_array_length(actions) > 0),
        amount as (select count(*) as workers from working)
        select a.action, count(distinct w.id)::float8 / max(amount.workers) as part
        from working w, amount, json_array_elements_text(w.actions) a(action)
        group by a.action having count(distinct w.id) < max(amount.workers)`,
    });
    return new Map(rows.map(({ action, part }) => [action, part]));
  }

  async roll(workerId: string): Promise<readonly NodeRef[]> {
    const s = this.#schema;
    const rows = await this.#pool.query<RefRow>({
      name: "flowforge_roll",
      text: `select n.run_id, n.node, n.item, n.fence from ${s}.run_workers w
        join ${s}.node_runs n on n.run_id = w.run_id and n.worker = w.worker and n.status = 'running' where w.worker = $1`,
      values: [workerId],
    });
    return rows.map(nodeRef);
  }

  async reap({ leaseMs, watch, limit }: Parameters<Store["reap"]>[0]): Promise<readonly NodeRef[]> {
    const s = this.#schema;
    await this.#pool.query({
      text: `with clock as (select ${s}.now() as t),
        forgotten as (delete from ${s}.workers where dead_at < (select t from clock) - $2::int8),
        freed as (delete from ${s}.workspace_places p
          where not exists (select from ${s}.workers w where w.id = p.worker and w.dead_at is null))
        update ${s}.workers set dead_at = clock.t from clock where dead_at is null
          and greatest(heartbeat_at, $3::int8) < $4::int8 - greatest(lease_ms, $1::int8)`,
      values: [leaseMs, FORGET_MS, watch.since, watch.until],
    });
    const rows = await this.#pool.query<RefRow>({
      name: "flowforge_orphans",
      text: `select n.run_id, n.node, n.item, n.fence from ${s}.run_workers w
        join ${s}.node_runs n on n.run_id = w.run_id and n.worker = w.worker and n.status = 'running'
        where not exists (select from ${s}.workers l where l.id = w.worker and l.dead_at is null) limit $1`,
      values: [limit],
    });
    return rows.map(nodeRef);
  }
}

/** The heartbeat, over a connection of its own, so that no other work can delay it. */
export async function beat(pool: ConnectionPool, s: string, workerId: string): Promise<Beat> {
  const [row] = await pool.query<{ alive: boolean; now: number; cancelled: string[] | null }>({
    name: "flowforge_beat",
    text: `with clock as materialized (select ${s}.now() as t),
      renewed as (update ${s}.workers w set heartbeat_at = clock.t from clock where w.id = $1 and w.dead_at is null returning 1)
      select exists (select from renewed) as alive, clock.t as now,
        (select array_agg(r.id::text) from ${s}.run_workers w join ${s}.runs r on r.id = w.run_id
          where w.worker = $1 and (r.cancelled or r.inbox > 0 and exists (
            select from ${s}.run_inbox b where b.run_id = r.id and b.state = 'new' and b.kind = 'cancel'))
          and exists (select from ${s}.node_runs n where n.run_id = r.id and n.status = 'running' and n.worker = $1)
        ) as cancelled
      from clock`,
    values: [workerId],
  });
  return { alive: row!.alive, now: row!.now, cancelled: row!.cancelled ?? [] };
}
