/**
 * What the maintenance loops look for. They find, the reducer decides: nothing here changes a row. Each reads a narrow
 * partial index that holds only rows which wait for exactly this.
 */
import type { DispatchRef, LostQuery, NodeRef, QueuedRef } from "../core/ports/store.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { dispatchRef, nodeRef, queuedRef, type QueuedRow, type RefRow } from "./rows.ts";

export class Maintenance {
  readonly #pool: ConnectionPool;
  readonly #schema: string;

  constructor(pool: ConnectionPool, schema: string) {
    this.#pool = pool;
    this.#schema = schema;
  }

  /** A paused run's rows are left out: they fire when it is resumed, and must not fill the page until then. */
  async due(limit: number): Promise<readonly NodeRef[]> {
    const s = this.#schema;
    const rows = await this.#pool.query<RefRow>({
      name: "flowforge_due",
      text: `(select n.run_id, n.node, n.item, n.fence, n.due_at as at from ${s}.node_runs n
        where n.due_at is not null and n.ready_at is null and n.due_at <= (select ${s}.now()) and n.status = 'waiting'
          and not exists (select from ${s}.runs r where r.id = n.run_id and r.paused)
        order by n.due_at limit $1)
        union all
        (select n.run_id, n.node, n.item, n.fence, n.deadline_at from ${s}.node_runs n
        where n.deadline_at is not null and n.deadline_at <= (select ${s}.now()) and (n.status in ('pending', 'ready', 'queued') or n.waiting_for = 'map')
          and not exists (select from ${s}.runs r where r.id = n.run_id and r.paused)
        order by n.deadline_at limit $1)
        order by at limit $1`,
      values: [limit],
    });
    return rows.map(nodeRef);
  }

  async undispatched(limit: number): Promise<readonly DispatchRef[]> {
    const s = this.#schema;
    const rows = await this.#dispatches(
      "undispatched",
      [limit],
      `n.ready_at is not null and n.ready_at <= (select ${s}.now())
      and not r.paused order by n.ready_at limit $1`,
    );
    return rows.map(dispatchRef);
  }

  async lost({ limit, dispatchedBefore, dispatchedFrom = 0 }: LostQuery): Promise<readonly QueuedRef[]> {
    const rows = await this.#dispatches(
      "lost",
      [limit, dispatchedBefore, dispatchedFrom],
      `n.dispatched_at is not null and n.dispatched_at < $2::int8 and n.dispatched_at >= $3::int8
      order by n.dispatched_at limit $1`,
    );
    return rows.map(queuedRef);
  }

  #dispatches(name: string, values: readonly unknown[], where: string): Promise<readonly QueuedRow[]> {
    const s = this.#schema;
    return this.#pool.query<QueuedRow>({
      name: `flowforge_${name}`,
      text: `select n.run_id, n.node, n.item, n.fence, n.dispatches, n.dispatched_at, r.workspace, r.workflow, r.version
        from ${s}.node_runs n join ${s}.runs r on r.id = n.run_id where ${where}`,
      values,
    });
  }

  async unread(options: {
    readonly olderThanMs: number;
    readonly limit: number;
  }): Promise<readonly string[]> {
    const s = this.#schema;
    const rows = await this.#pool.query<{ run_id: string }>({
      name: "flowforge_unread",
      text: `select b.run_id from ${s}.run_inbox b where b.state = 'new' and b.received_at < (select ${s}.now()) - $2::int8
        group by b.run_id order by min(b.received_at) limit $1`,
      values: [options.limit, options.olderThanMs],
    });
    return rows.map((row) => row.run_id);
  }
}
