/** Breakers and what is parked behind them: see `BreakerStore`. Nothing here is asked in the path of a step. */
import type { BreakerState } from "../core/breaker/breaker.ts";
import type { BreakerKey } from "../core/breaker/key.ts";
import {
  type BreakerStore,
  type BreakerWrite,
  MOST_PARKED,
  type ParkedNode,
  type ParkedQuery,
  type StoredBreaker,
} from "../core/ports/breakers.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { int4Array, int8Array, jsonArray, textArray, uuidArray } from "./arrays.ts";
import { storeNow } from "./time.ts";

interface Row extends BreakerKey {
  readonly version: number;
  readonly changed_at: number;
  readonly state: string;
}

interface ParkedRow extends Omit<ParkedNode, "runId"> {
  readonly run_id: string;
}

const COLUMNS = "b.workspace, b.scope, b.name, b.version, b.changed_at, b.state";
/** $1 to $3: the keys, each with its place. */
const KEYS = "unnest($1::text[], $2::text[], $3::text[]) with ordinality as k(workspace, scope, name, i)";
const SAME = "(b.workspace, b.scope, b.name) = (k.workspace, k.scope, k.name)";

export function breakerStore(pool: ConnectionPool, s: string): BreakerStore {
  return {
    async read(keys) {
      if (keys.length === 0) return [];
      const rows = await pool.query<Row & { i: number }>({
        text: `select k.i, ${COLUMNS} from ${KEYS} join ${s}.breakers b on ${SAME}`,
        values: keyColumns(keys),
      });
      const found = new Map(rows.map((row) => [row.i, row]));
      return keys.map((_, index) => {
        const row = found.get(index + 1);
        return row ? storedBreaker(row) : null;
      });
    },

    async changed({ since, limit }) {
      const now = await storeNow(pool, s);
      const rows = await pool.query<Row>({
        text: `select ${COLUMNS} from ${s}.breakers b where b.changed_at >= $1 order by b.changed_at limit $2`,
        values: [Math.floor(since), limit],
      });
      return { now, breakers: rows.map(storedBreaker) };
    },

    write: (writes) => write(pool, s, writes),
    ...parkedNodes(pool, s),

    async page({ workspace, after, limit }) {
      const rows = await pool.query<Row>({
        text: `select ${COLUMNS} from ${s}.breakers b where b.workspace = $1 and b.phase <> 'closed'
          and (b.scope, b.name) > ($2, $3) order by b.scope, b.name limit $4`,
        values: [workspace, after?.scope ?? "", after?.name ?? "", limit],
      });
      return rows.map(storedBreaker);
    },

    async trim({ olderThanMs, limit }) {
      const rows = await pool.query({
        text: `delete from ${s}.breakers where ctid = any(array(
            select b.ctid from ${s}.breakers b where b.phase = 'closed' and b.changed_at < ${s}.now() - $1 limit $2
            for update skip locked)) returning 1 as one`,
        values: [olderThanMs, limit],
      });
      return rows.length;
    },
  };
}

async function write(
  pool: ConnectionPool,
  s: string,
  writes: readonly BreakerWrite[],
): Promise<readonly boolean[]> {
  if (writes.length === 0) return [];
  const rows = await pool.query<{ i: number }>({
    text: writeText(s),
    values: [
      ...keyColumns(writes.map(({ key }) => key)),
      int8Array(writes.map(({ version }) => version)),
      textArray(writes.map(({ state }) => state.phase)),
      jsonArray(writes.map(({ state }) => JSON.stringify(state))),
    ],
  });
  const written = new Set(rows.map(({ i }) => i));
  return writes.map((_, index) => written.has(index + 1));
}

type Parked = Pick<BreakerStore, "park" | "unpark" | "loose" | "parked">;

function parkedNodes(pool: ConnectionPool, s: string): Parked {
  const take = async (text: string, values: readonly unknown[]): Promise<readonly ParkedNode[]> => {
    const rows = await pool.query<ParkedRow>({ text, values });
    return rows.map(({ run_id: runId, ...node }) => ({ runId, ...node }));
  };
  return {
    async park(nodes) {
      const last = lastOfEach(nodes);
      if (last.length === 0) return;
      await pool.query({
        text: parkText(s),
        values: [
          ...keyColumns(last.map(({ by }) => by)),
          uuidArray(last.map(({ runId }) => runId)),
          textArray(last.map(({ node }) => node)),
          int4Array(last.map(({ fence }) => fence)),
          textArray(last.map(({ lane }) => lane)),
          textArray(last.map(({ action }) => action)),
        ],
      });
    },
    unpark: ({ workspace, scope, name }, query) =>
      take(takeText(s, "p.workspace = $4 and p.scope = $5 and p.name = $6"), [
        ...fitting(query),
        workspace,
        scope,
        name,
      ]),
    loose: (query) =>
      take(
        takeText(
          s,
          `not exists (select from ${s}.breakers b
            where (b.workspace, b.scope, b.name) = (p.workspace, p.scope, p.name) and b.phase <> 'closed')`,
        ),
        fitting(query),
      ),
    async parked(keys) {
      if (keys.length === 0) return [];
      const rows = await pool.query<{ i: number; n: number }>({
        text: `select k.i, (select count(*) from (select from ${s}.parked_nodes b where ${SAME} limit ${MOST_PARKED}) p) as n from ${KEYS}`,
        values: keyColumns(keys),
      });
      const counts = new Map(rows.map(({ i, n }) => [i, n]));
      return keys.map((_, index) => counts.get(index + 1) ?? 0);
    },
  };
}

/** In one order, so that two processes that write the same ones do not wait for each other in a circle. */
function writeText(s: string): string {
  return `with w as materialized (
    select k.i, k.workspace, k.scope, k.name, k.version, k.phase, k.state
    from unnest($1::text[], $2::text[], $3::text[], $4::int8[], $5::text[], $6::json[])
      with ordinality as k(workspace, scope, name, version, phase, state, i)
    order by k.workspace, k.scope, k.name),
  known as materialized (
    select w.i from w join ${s}.breakers b
      on (b.workspace, b.scope, b.name) = (w.workspace, w.scope, w.name) and b.version = w.version
    order by b.workspace, b.scope, b.name for no key update of b),
  changed as (
    update ${s}.breakers b set version = b.version + 1, changed_at = ${s}.now(), phase = w.phase, state = w.state
    from w join known on known.i = w.i where (b.workspace, b.scope, b.name) = (w.workspace, w.scope, w.name)
    returning w.i),
  added as (
    insert into ${s}.breakers (workspace, scope, name, version, changed_at, phase, state)
    select w.workspace, w.scope, w.name, 1, ${s}.now(), w.phase, w.state from w where w.version = 0
    on conflict do nothing returning workspace, scope, name)
  select i from changed
  union all
  select w.i from added join w on (added.workspace, added.scope, added.name) = (w.workspace, w.scope, w.name)`;
}

function parkText(s: string): string {
  return `insert into ${s}.parked_nodes as p (workspace, scope, name, run_id, node, parked_at, fence, lane, action)
    select k.workspace, k.scope, k.name, k.run_id, k.node, ${s}.now(), k.fence, k.lane, k.action
    from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::int4[], $7::text[], $8::text[])
      as k(workspace, scope, name, run_id, node, fence, lane, action)
    order by 1, 2, 3, 4, 5
    on conflict (workspace, scope, name, run_id, node) do update set fence = greatest(p.fence, excluded.fence)`;
}

function takeText(s: string, where: string): string {
  return `delete from ${s}.parked_nodes t where t.ctid = any(array(
      select p.ctid from ${s}.parked_nodes p where p.lane = any($1::text[]) and p.action = any($2::text[]) and ${where}
      order by p.parked_at limit $3 for update skip locked))
    returning t.run_id, t.node, t.fence, t.lane, t.action`;
}

function fitting({ lanes, actions, limit }: ParkedQuery): readonly unknown[] {
  return [textArray(lanes), textArray(actions), limit];
}

function keyColumns(keys: readonly BreakerKey[]): readonly unknown[] {
  return [
    textArray(keys.map(({ workspace }) => workspace)),
    textArray(keys.map(({ scope }) => scope)),
    textArray(keys.map(({ name }) => name)),
  ];
}

/** A statement can change a row once. */
function lastOfEach<One extends ParkedNode & { readonly by: BreakerKey }>(
  nodes: readonly One[],
): readonly One[] {
  const keyOf = ({ by, runId, node }: One): string =>
    JSON.stringify([by.workspace, by.scope, by.name, runId, node]);
  return [...new Map(nodes.map((node) => [keyOf(node), node])).values()];
}

function storedBreaker({
  changed_at: changedAt,
  state,
  workspace,
  scope,
  name,
  version,
}: Row): StoredBreaker {
  return { workspace, scope, name, version, changedAt, state: JSON.parse(state) as BreakerState };
}
