/**
 * Items of maps: claimed and finished in batches, one statement each. Every statement takes the row of the map before those of its
 * items, as a commit does after the row of the run; so none waits for another in a circle.
 */
import type {
  ClaimedItem,
  ClaimedItems,
  ClaimItems,
  FinishedItems,
  IdleMap,
  ItemResult,
  MapRef,
  MapState,
  MapStore,
} from "../core/ports/maps.ts";
import type { Json } from "../core/json.ts";
import type { EditedInput } from "../core/ports/stored-run.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import { errorJson } from "../core/storable.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { boolArray, int4Array, int8Array, jsonArray, textArray } from "./arrays.ts";
import { blobRows, Blobs, blobValues, insertBlobs, whole } from "./blobs.ts";
import { parseJson, parseOptional } from "./rows.ts";
import { runBytes } from "./run-bytes.ts";

interface MapRow {
  readonly fence: number;
  readonly total: number;
  readonly next: number;
  readonly running: number;
  readonly waiting: number;
  readonly done: number;
  readonly failed: number;
  readonly open: number;
  readonly concurrency: number;
  readonly closed: boolean;
}

type ItemArray = readonly [
  item: number,
  fence: number,
  attempt: number,
  losses: number,
  generation: number,
  keyFence: number | null,
  putOffMs: number | null,
  edited: EditedInput | null,
  hasInput: boolean,
  input: ClaimedItem["input"],
];

const COUNTS =
  "u.fence, u.total, u.next, u.running, u.waiting, u.done, u.failed, u.open, u.concurrency, u.closed";
const itemArray = (
  s: string,
): string => `json_build_array(t.item, t.fence, t.attempt, t.losses, t.generation, t.key_fence, t.put_off_ms, t.edited,
  t.input is not null, ${whole(s, "t.input", "t.run_id")})`;

export function mapStore(pool: ConnectionPool, s: string): MapStore {
  const claim = claimText(s);
  const finish = { plain: finishText(s, false), blobs: finishText(s, true) };
  return {
    claimItems: (request) => claimItems(pool, claim, request),
    finishItems: (map, results) => finishItems(pool, finish, { map, results }),
    itemStates: (map, refs) => itemStates(pool, s, { map, refs }),
    itemOutputs: (map, items) => itemOutputs(pool, s, { map, items }),
    itemsWithChildren: (map, page) => itemsWithChildren(pool, s, { map, ...page }),
    itemsOfChildren: (map, refs) => itemsOfChildren(pool, s, { map, refs }),
    failedItems: (map, limit) => failedItems(pool, s, { map, limit }),
    idleMaps: (options) => idleMaps(pool, s, options),
  };
}

/** $1 run, $2 node, $3 worker, $4 limit. What others have claimed since the statement began is seen once the map's row is locked. */
function claimText(s: string): string {
  return `with clock as materialized (select ${s}.now() as t),
m as materialized (select u.* from ${s}.maps u where u.run_id = $1 and u.node = $2 and u.live for no key update),
room as materialized (select case
    when m.closed or exists (select from ${s}.runs r where r.id = m.run_id
      and (r.paused or r.cancelled and m.undoes is null)) then 0
    else greatest(0, least($4::int4, m.concurrency - m.running)) end as n from m),
due as materialized (
  select n.item from ${s}.node_runs n where n.run_id = $1 and n.node = $2 and n.retry_at <= (select t from clock)
    and (select m.waiting from m) > 0 and n.status = 'waiting'
  order by n.retry_at limit (select n from room) for no key update skip locked),
again as (
  update ${s}.node_runs t set status = 'running', worker = $3, fence = t.fence + 1, attempt = t.attempt + 1,
    retry_at = null, started_at = clock.t
  from due, clock where t.run_id = $1 and t.node = $2 and t.item = due.item returning ${itemArray(s)} as item),
old as materialized (select count(*)::int4 as n from again),
fresh as (
  insert into ${s}.node_runs (run_id, item, node, seq, attempt, fence, dispatches, status, worker, started_at)
  select $1, g.item, $2, 0, 1, 1, 0, 'running', $3, clock.t
  from m, room, old, clock, generate_series(m.next, least(m.next + room.n - old.n, m.total) - 1) as g(item) returning item),
new as materialized (select count(*)::int4 as n from fresh),
leased as (
  insert into ${s}.run_workers (run_id, worker) select $1, $3 from old, new where old.n + new.n > 0 on conflict do nothing),
moved as (
  update ${s}.maps u set next = u.next + new.n, running = u.running + old.n + new.n, waiting = u.waiting - old.n,
    touched_at = clock.t
  from old, new, clock where u.run_id = $1 and u.node = $2 and old.n + new.n > 0 returning ${COUNTS})
select c.*, (select json_agg(item) from again) as again, (select json_agg(item order by item) from fresh) as fresh,
  ${runBytes(s)} as run_bytes
from (select * from moved union all select ${COUNTS} from m u where not exists (select from moved)) c
join ${s}.runs r on r.id = $1`;
}

async function claimItems(
  pool: ConnectionPool,
  text: string,
  { runId, node, worker, limit }: ClaimItems,
): Promise<ClaimedItems> {
  const [row] = await pool.query<MapRow & { again: string | null; fresh: string | null; run_bytes: number }>({
    name: "flowforge_claim_items",
    text,
    values: [runId, node, worker, limit],
  });
  if (!row) return { map: null, items: [], runBytes: 0 };
  const again = (row.again === null ? [] : JSON.parse(row.again)) as readonly ItemArray[];
  const fresh = (row.fresh === null ? [] : JSON.parse(row.fresh)) as readonly number[];
  return {
    map: mapState(row),
    items: [...again.map(claimedItem), ...fresh.map(newItem)],
    runBytes: row.run_bytes,
  };
}

function newItem(item: number): ClaimedItem {
  return {
    item,
    fence: 1,
    attempt: 1,
    losses: 0,
    generation: 0,
    keyFence: 0,
    putOffMs: 0,
    edited: null,
    input: undefined,
  };
}

function claimedItem(row: ItemArray): ClaimedItem {
  const [item, fence, attempt, losses, generation, keyFence, putOffMs, edited, hasInput, input] = row;
  return {
    item,
    fence,
    attempt,
    losses,
    generation,
    keyFence: keyFence ?? 0,
    putOffMs: putOffMs ?? 0,
    edited,
    input: hasInput ? input : undefined,
  };
}

function mapState(row: MapRow): MapState {
  const { fence, total, next, running, waiting, done, failed, open, concurrency, closed } = row;
  return { fence, total, next, running, waiting, done, failed, open, concurrency, closed };
}

/** $1 run, $2 node, then the results by column. */
/** The rows that `attempted` joins are those of before: the attempt that ended, not the next one. */
function finishText(s: string, hasBlobs: boolean): string {
  const blobs = hasBlobs ? `${insertBlobs(s, { runId: "m.run_id", from: `m, ${blobRows(19)}` })},\n` : "";
  return `with clock as materialized (select ${s}.now() as t),
m as materialized (select u.* from ${s}.maps u where u.run_id = $1 and u.node = $2 for no key update),
x as materialized (select * from unnest($3::int4[], $4::int4[], $5::int4[], $6::text[], $7::int4[], $8::int4[], $9::int8[],
  $10::int8[], $11::text[], $12::bool[], $13::json[], $14::json[], $15::json[], $16::json[], $17::text[], $18::int8[])
  as x(item, ran_under, fence, status, attempt, losses, delay, put_off_ms, failure, duplicated, input, output, error,
    attempt_error, fingerprint, bytes)),
changed as (
  update ${s}.node_runs t set status = case x.status when 'child' then 'running' else x.status end,
    waiting_for = case x.status when 'child' then 'child' end, fence = x.fence, attempt = x.attempt, losses = x.losses,
    put_off_ms = nullif(x.put_off_ms, 0), failure = x.failure,
    outcome = case x.status when 'succeeded' then 'success' when 'failed' then 'error' end,
    possibly_duplicated = t.possibly_duplicated or x.duplicated,
    worker = case when x.status in ('waiting', 'child') then null else t.worker end,
    retry_at = case when x.status = 'waiting' then clock.t + x.delay end,
    input = coalesce(x.input, t.input), output = coalesce(x.output, t.output), error = coalesce(x.error, t.error),
    started_at = case when x.status = 'running' then clock.t else t.started_at end,
    finished_at = case when x.status in ('succeeded', 'failed', 'cancelled') then clock.t end
  from m, x, clock where t.run_id = m.run_id and t.node = m.node and t.item = x.item and t.fence = x.ran_under
    and t.status = 'running'
  returning x.item, x.ran_under, x.status, x.failure, x.attempt_error, x.fingerprint, x.bytes, t.generation, t.attempt, t.error, t.input),
attempted as (
  insert into ${s}.attempts (run_id, started_at, finished_at, item, fence, attempt, node, error)
  select $1, t.started_at, clock.t, c.item, c.ran_under, t.attempt, $2, c.attempt_error
  from clock, changed c join ${s}.node_runs t on t.run_id = $1 and t.node = $2 and t.item = c.item
  where c.attempt_error is not null),
opened as (
  insert into ${s}.dead_letters (run_id, opened_at, item, fence, generation, attempts, node, fingerprint, workspace, workflow,
    error_class, error, input)
  select $1, clock.t, c.item, c.ran_under, c.generation, c.attempt, $2, coalesce(c.fingerprint, ''), r.workspace, r.workflow,
    coalesce(c.error ->> 'class', ''), c.error, c.input
  from clock, changed c join ${s}.runs r on r.id = $1 where c.failure = 'open'),
counted as materialized (select count(*)::int4 as n,
  (count(*) filter (where c.status not in ('running', 'child')))::int4 as stopped,
  (count(*) filter (where c.status = 'waiting'))::int4 as waiting,
  (count(*) filter (where c.status = 'succeeded'))::int4 as done,
  (count(*) filter (where c.status = 'cancelled' or c.status = 'failed' and c.failure is distinct from 'open'))::int4 as failed,
  (count(*) filter (where c.failure = 'open'))::int4 as open, coalesce(sum(c.bytes), 0)::int8 as bytes from changed c),
${blobs}moved as (
  update ${s}.maps u set running = u.running - c.stopped, waiting = u.waiting + c.waiting, done = u.done + c.done,
    failed = u.failed + c.failed, open = u.open + c.open, bytes = u.bytes + c.bytes, touched_at = clock.t
  from counted c, clock where u.run_id = $1 and u.node = $2 and c.n > 0 returning u.live, ${COUNTS})
select t.*, (select json_agg(c.item) from changed c) as taken, ${runBytes(s)} + (select bytes from counted) as run_bytes
from (select * from moved union all select u.live, ${COUNTS} from m u where not exists (select from moved)) t
join ${s}.runs r on r.id = $1`;
}

async function finishItems(
  pool: ConnectionPool,
  texts: { readonly plain: string; readonly blobs: string },
  { map, results }: { readonly map: MapRef; readonly results: readonly ItemResult[] },
): Promise<FinishedItems> {
  const ints = (read: (result: ItemResult) => number): Buffer => int4Array(results.map(read));
  const errors = (read: (result: ItemResult) => ErrorRecord | undefined): Buffer =>
    jsonArray(results.map(read).map((error) => (error ? errorJson(error) : null)));
  const blobs = new Blobs();
  const value = (read: (result: ItemResult) => ItemResult["output"]): Buffer =>
    jsonArray(results.map((result) => blobs.text(0, read(result))));
  const [inputs, outputs] = [value((result) => result.input), value((result) => result.output)];
  const hasBlobs = blobs.rows.length > 0;
  const [row] = await pool.query<MapRow & { live: boolean; taken: string | null; run_bytes: number }>({
    name: `flowforge_finish_items${hasBlobs ? "_blobs" : ""}`,
    text: hasBlobs ? texts.blobs : texts.plain,
    values: [
      map.runId,
      map.node,
      ints((result) => result.item),
      ints((result) => result.ranUnder),
      ints((result) => result.fence),
      textArray(results.map((result) => result.status)),
      ints((result) => result.attempt),
      ints((result) => result.losses),
      int8Array(results.map((result) => Math.ceil(result.delayMs))),
      int8Array(results.map((result) => Math.ceil(result.putOffMs))),
      textArray(results.map((result) => result.failure)),
      boolArray(results.map((result) => result.possiblyDuplicated)),
      inputs,
      outputs,
      errors((result) => result.error),
      errors((result) => result.attemptError),
      textArray(results.map((result) => result.fingerprint ?? null)),
      int8Array(results.map((result) => result.bytes ?? 0)),
      ...(hasBlobs ? blobValues(blobs.rows) : []),
    ],
  });
  if (!row) return { map: null, taken: [], runBytes: 0 };
  const taken = (row.taken === null ? [] : JSON.parse(row.taken)) as readonly number[];
  return { map: row.live && taken.length > 0 ? mapState(row) : null, taken, runBytes: row.run_bytes };
}

async function itemStates(
  pool: ConnectionPool,
  s: string,
  { map, refs }: { readonly map: MapRef; readonly refs: readonly { item: number; fence: number }[] },
): Promise<readonly ClaimedItem[]> {
  const rows = await pool.query<{ item: string }>({
    name: "flowforge_item_states",
    text: `select ${itemArray(s)} as item from unnest($3::int4[], $4::int4[]) as q(item, fence)
      join ${s}.node_runs t on t.run_id = $1 and t.node = $2 and t.item = q.item
      where t.fence = q.fence and t.status = 'running'`,
    values: [
      map.runId,
      map.node,
      int4Array(refs.map(({ item }) => item)),
      int4Array(refs.map(({ fence }) => fence)),
    ],
  });
  return rows.map(({ item }) => claimedItem(JSON.parse(item) as ItemArray));
}

async function itemOutputs(
  pool: ConnectionPool,
  s: string,
  { map, items }: { readonly map: MapRef; readonly items: readonly number[] },
): Promise<ReadonlyMap<number, Json>> {
  const rows = await pool.query<{ item: number; output: string | null }>({
    name: "flowforge_item_outputs",
    text: `select n.item, ${whole(s, "n.output", "n.run_id")} as output from ${s}.node_runs n
      where n.run_id = $1 and n.node = $2 and n.item = any($3::int4[]) and n.status = 'succeeded'`,
    values: [map.runId, map.node, int4Array(items)],
  });
  return new Map(rows.map(({ item, output }) => [item, parseOptional(output) ?? null]));
}

async function itemsWithChildren(
  pool: ConnectionPool,
  s: string,
  { map, after, limit }: { readonly map: MapRef; readonly after: number; readonly limit: number },
): Promise<readonly { readonly item: number; readonly generation: number }[]> {
  return pool.query<{ item: number; generation: number }>({
    name: "flowforge_items_with_children",
    text: `select n.item, n.generation from ${s}.node_runs n where n.run_id = $1 and n.node = $2 and n.item > $3
      and n.status = 'running' and n.waiting_for = 'child' order by n.item limit $4`,
    values: [map.runId, map.node, after, limit],
  });
}

async function itemsOfChildren(
  pool: ConnectionPool,
  s: string,
  { map, refs }: { readonly map: MapRef; readonly refs: readonly { item: number; generation: number }[] },
): Promise<readonly (ClaimedItem & { readonly isOpen: boolean })[]> {
  const rows = await pool.query<{ item: string; is_open: boolean }>({
    name: "flowforge_items_of_children",
    text: `select ${itemArray(s)} as item, t.failure is not null as is_open
      from unnest($3::int4[], $4::int4[]) as q(item, generation)
      join ${s}.node_runs t on t.run_id = $1 and t.node = $2 and t.item = q.item
      where t.generation = q.generation and (t.status = 'running' or t.failure = 'open')`,
    values: [
      map.runId,
      map.node,
      int4Array(refs.map(({ item }) => item)),
      int4Array(refs.map(({ generation }) => generation)),
    ],
  });
  return rows.map(({ item, is_open: isOpen }) => ({ ...claimedItem(JSON.parse(item) as ItemArray), isOpen }));
}

async function failedItems(
  pool: ConnectionPool,
  s: string,
  { map, limit }: { readonly map: MapRef; readonly limit: number },
): Promise<readonly { readonly item: number; readonly error: ErrorRecord }[]> {
  const rows = await pool.query<{ item: number; error: string | null }>({
    name: "flowforge_failed_items",
    text: `select n.item, n.error from ${s}.node_runs n where n.run_id = $1 and n.node = $2 and n.item >= 0
      and n.status = 'failed' order by n.item limit $3`,
    values: [map.runId, map.node, limit],
  });
  return rows.map(({ item, error }) => ({
    item,
    error: (parseOptional(error) ?? parseJson("{}")) as ErrorRecord,
  }));
}

async function idleMaps(
  pool: ConnectionPool,
  s: string,
  { quietMs, limit }: { readonly quietMs: number; readonly limit: number },
): Promise<readonly IdleMap[]> {
  const rows = await pool.query<
    MapRow & { run_id: string; node: string; workspace: string; workflow: string; version: number }
  >({
    name: "flowforge_idle_maps",
    text: `select u.run_id, u.node, ${COUNTS}, r.workspace, r.workflow, r.version
      from ${s}.maps u join ${s}.runs r on r.id = u.run_id cross join (select ${s}.now() as t) clock
      where u.live and (u.closed and u.running > 0 and u.touched_at <= clock.t - $1::int8 and exists (
          select from ${s}.node_runs n where n.run_id = u.run_id and n.node = u.node and n.item >= 0
            and n.status = 'running' and n.waiting_for = 'child')
        or u.running = 0 and (u.closed or u.waiting = 0 and u.next = u.total)
        or not u.closed and not r.paused and not (r.cancelled and u.undoes is null) and u.running < u.concurrency and (
          u.next < u.total and u.touched_at <= clock.t - $1::int8
          or u.waiting > 0 and exists (
            select from ${s}.node_runs n where n.run_id = u.run_id and n.node = u.node and n.retry_at <= clock.t)))
      limit $2`,
    values: [quietMs, limit],
  });
  return rows.map((row) => ({
    runId: row.run_id,
    node: row.node,
    workspace: row.workspace,
    workflow: row.workflow,
    version: row.version,
    ...mapState(row),
  }));
}
