/** Keys of actions, as they are read and swept. What commits do with them is in `commit-action-keys.ts`. */
import type {
  ActionKeyRef,
  ActionKeyState,
  ActionKeyStore,
  KeyOwner,
  KeyWaiter,
} from "../core/ports/action-keys.ts";
import { KEY_KEEP_MS } from "../core/ports/keys.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { textArray, uuidArray } from "./arrays.ts";
import { isActionKeyFree } from "./commit-action-keys.ts";
import { parseJson } from "./rows.ts";

type Queries = Pick<ConnectionPool, "query">;

export function actionKeyStore(pool: Queries, s: string): ActionKeyStore {
  return {
    actionKeys: (refs) => actionKeys(pool, s, refs),
    heldKeys: (owners) => heldKeys(pool, s, owners),
    takeKeyWaiters: (owners) => takeKeyWaiters(pool, s, owners),
    expireActionKeys: (limit) => expireActionKeys(pool, s, limit),
  };
}

interface KeyRow {
  readonly place: number;
  readonly state: "held" | "done";
  readonly run_id: string;
  readonly node: string;
  readonly fingerprint: string;
  readonly result: string | null;
}

async function actionKeys(
  pool: Queries,
  s: string,
  refs: readonly ActionKeyRef[],
): Promise<readonly (ActionKeyState | null)[]> {
  const rows = await pool.query<KeyRow>({
    name: "flowforge_action_keys",
    text: `select a.place, k.state, k.run_id, k.node, k.fingerprint, k.result
      from (select ${s}.now() as t) clock,
        unnest($1::text[], $2::text[], $3::text[]) with ordinality as a(workspace, action, key, place)
      join ${s}.action_keys k on k.workspace = a.workspace and k.action = a.action and k.key = a.key
      where not ${isActionKeyFree(s, "k", "clock.t")}`,
    values: [
      textArray(refs.map((ref) => ref.workspace)),
      textArray(refs.map((ref) => ref.action)),
      textArray(refs.map((ref) => ref.key)),
    ],
  });
  const found = new Map(rows.map((row) => [row.place - 1, row]));
  return refs.map((_, place) => {
    const row = found.get(place);
    if (!row) return null;
    const { state, run_id: runId, node, fingerprint, result } = row;
    return { state, runId, node, fingerprint, result: result === null ? null : parseJson(result) };
  });
}

function ownersOf(owners: readonly KeyOwner[]): Buffer[] {
  return [uuidArray(owners.map(({ runId }) => runId)), textArray(owners.map(({ node }) => node))];
}

async function heldKeys(
  pool: Queries,
  s: string,
  owners: readonly KeyOwner[],
): Promise<readonly (string | null)[]> {
  const rows = await pool.query<{ place: number; key: string }>({
    name: "flowforge_held_keys",
    text: `select o.place, k.key from unnest($1::uuid[], $2::text[]) with ordinality as o(run_id, node, place)
      join ${s}.action_keys k on k.run_id = o.run_id and k.node = o.node and k.state = 'held'`,
    values: ownersOf(owners),
  });
  const found = new Map(rows.map(({ place, key }) => [place - 1, key]));
  return owners.map((_, place) => found.get(place) ?? null);
}

async function takeKeyWaiters(
  pool: Queries,
  s: string,
  owners: readonly KeyOwner[],
): Promise<readonly KeyWaiter[]> {
  const rows = await pool.query<{ run_id: string; node: string; fence: number }>({
    name: "flowforge_take_key_waiters",
    text: `delete from ${s}.action_key_waiters w
      using unnest($1::uuid[], $2::text[]) as o(run_id, node)
        join ${s}.action_keys k on k.run_id = o.run_id and k.node = o.node and k.state <> 'held'
      where w.workspace = k.workspace and w.action = k.action and w.key = k.key
      returning w.run_id, w.node, w.fence`,
    values: ownersOf(owners),
  });
  return rows.map(({ run_id: runId, node, fence }) => ({ runId, node, fence }));
}

async function expireActionKeys(pool: Queries, s: string, limit: number): Promise<number> {
  const same = "k.workspace = due.workspace and k.action = due.action and k.key = due.key";
  const [row] = await pool.query<{ looked: number }>({
    name: "flowforge_expire_action_keys",
    text: `with clock as materialized (select ${s}.now() as t),
      due as materialized (select k.* from ${s}.action_keys k where k.expires_at <= (select t from clock)
        order by k.expires_at limit $1 for update skip locked),
      gone as (delete from ${s}.action_keys k using due, clock where ${same} and ${isActionKeyFree(s, "due", "clock.t")}),
      held as (update ${s}.action_keys k set expires_at = clock.t + ${KEY_KEEP_MS} from due, clock
        where ${same} and not ${isActionKeyFree(s, "due", "clock.t")}),
      late as materialized (select w.run_id, w.node from ${s}.action_key_waiters w
        where w.expires_at <= (select t from clock) order by w.expires_at limit $1 for update skip locked),
      forgotten as (delete from ${s}.action_key_waiters w using late where w.run_id = late.run_id and w.node = late.node)
      select greatest((select count(*) from due), (select count(*) from late)) as looked`,
    values: [limit],
  });
  return row!.looked;
}
