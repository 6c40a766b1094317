/**
 * The parts of the commit statement that are about keys of actions. `q`: what entries do with them, and whether the lock of a key that
 * is claimed was granted; nobody waits for it. `holding`: claims that have their key now. `awaited`: waits for a key that is held: its
 * row is locked against whoever settles it, so that they are seen by all who ask for the waiters afterwards.
 */
import { KEY_WAITER_MS } from "../core/ports/action-keys.ts";
import { KEY_KEEP_MS } from "../core/ports/keys.ts";
import type { Shape } from "./commit-rows.ts";
import { hasPlace } from "./commit-gates.ts";
import { lacksKey, lockNumber, REFUSED } from "./keys.ts";

/** For so long the run of a new holder may be younger than what a statement sees. */
const UNSEEN_MS = 60_000;

/** Whether nobody has the key of the row `k`. `t`: now. */
export function isActionKeyFree(s: string, k: string, t: string): string {
  return `(${k}.state = 'free' or (${k}.state = 'done' and ${k}.expires_at <= ${t})
    or (${k}.state = 'held' and ${k}.created_at < ${t} - ${UNSEEN_MS} and not exists (select from ${s}.runs r where r.id = ${k}.run_id)))`;
}

/** A claim of an entry that is refused anyway would be the key of a node that does not run. */
function isSound(s: string, { moves, starts, gates, keys }: Shape): string {
  const isStored = [
    `not exists (select from ${s}.runs r where r.id = ($1::uuid[])[z.i])`,
    ...(gates ? [hasPlace("z.i")] : []),
    ...(keys ? [`not (${lacksKey(s, "z.i")})`] : []),
  ];
  const sound = [
    ...(moves ? ["q.i in (select l.i from l where l.had is not null)"] : []),
    ...(starts ? [`q.i in (select z.i from z where ${isStored.join(" and ")})`] : []),
  ];
  return `(${sound.join(" or ")})`;
}

export function claimKeyParts(s: string, source: string, shape: Shape): readonly string[] {
  const lock = lockNumber(s, ["q.workspace", "q.action", "q.key"]);
  return [
    `q as materialized (
  select q.*, ($1::uuid[])[q.i] as run_id,
    case when q.type = 'claim' then pg_try_advisory_xact_lock(${lock}) else true end as granted from ${source})`,
    `holding as (
  insert into ${s}.action_keys as old (run_id, created_at, expires_at, state, workspace, action, key, node, fingerprint)
  select q.run_id, clock.t, clock.t + ${KEY_KEEP_MS}, 'held', q.workspace, q.action, q.key, q.node, q.fingerprint from q, clock
  where q.type = 'claim' and q.granted and ${isSound(s, shape)}
  on conflict (workspace, action, key) do update set run_id = excluded.run_id, created_at = excluded.created_at,
    expires_at = excluded.expires_at, state = 'held', node = excluded.node, fingerprint = excluded.fingerprint, result = null
  where ${isActionKeyFree(s, "old", "excluded.created_at")}
    or (old.state = 'held' and old.run_id = excluded.run_id and old.node = excluded.node)
  returning old.run_id, old.node)`,
    `awaited as materialized (
  select q.i, q.node from q join ${s}.action_keys k on k.workspace = q.workspace and k.action = q.action and k.key = q.key cross join clock
  where q.type = 'wait' and k.state = 'held' and not ${isActionKeyFree(s, "k", "clock.t")} for share of k skip locked)`,
  ];
}

/** Whether a key is not as the entry with this place takes it to be. */
export function isContended(i: string): string {
  return `${i} in (select q.i from q where not q.granted)
  or ${i} in (select q.i from q where q.type = 'claim' and (q.run_id, q.node) not in (select h.run_id, h.node from holding h))
  or ${i} in (select q.i from q where q.type = 'wait' and (q.i, q.node) not in (select w.i, w.node from awaited w))`;
}

/** The branch of a `case` over the entry with the place `i`. */
export function actionKeyFlags(i: string): string {
  return `
  when ${isContended(i)} then ${REFUSED.contended}`;
}

export function settleKeyParts(s: string, { updates }: Shape): readonly string[] {
  const output = updates
    ? "coalesce((select x.output from x where x.i = q.i and x.node = q.node and x.item = -1), 'null'::json)"
    : "'null'::json";
  return [
    `settled as (
  update ${s}.action_keys k set state = q.type, result = case when q.type = 'done' then ${output} end,
    expires_at = clock.t + case when q.type = 'done' then ${KEY_KEEP_MS} else 0 end
  from q, f, clock where q.type in ('done', 'free') and f.had[q.i] >= 0
    and k.run_id = q.run_id and k.node = q.node and k.state = 'held')`,
    `awaiting as (
  insert into ${s}.action_key_waiters (run_id, expires_at, fence, workspace, action, key, node)
  select q.run_id, clock.t + ${KEY_WAITER_MS}, q.fence, q.workspace, q.action, q.key, q.node from q, f, clock
  where q.type = 'wait' and f.had[q.i] >= 0
  on conflict (run_id, node) do update set expires_at = excluded.expires_at, fence = excluded.fence,
    workspace = excluded.workspace, action = excluded.action, key = excluded.key)`,
  ];
}
