/**
 * Idempotency keys of starts. A start takes a lock on its key that nobody waits for, then the key's row, then stores the run, in one
 * statement (`takeKeyPart`): of many starts with one key, in any number of processes, one stores a run.
 */
import { type KeyHolder, type KeyRef, type KeyStore, KEY_KEEP_MS } from "../core/ports/keys.ts";
import type { ConnectionPool, Sender } from "../postgres-connection/pool.ts";

/** The number under which a key is locked. */
export function keyLock(s: string, { workspace, scope, key }: KeyRef): string {
  return lockNumber(s, [workspace, scope, key]);
}

/** A number for three texts. Advisory locks belong to the whole database, so the schema is part of it. */
export function lockNumber(s: string, [a, b, c]: readonly [string, string, string]): string {
  const schema = `'${s.replaceAll("'", "''")}'`;
  return `hashtextextended(concat_ws(' ', ${schema}, length(${a}), ${a}, length(${b}), ${b}, ${c}), 0)`;
}

/** Whether the row `k` of a key holds it no longer. `t`: now. */
function isFree(s: string, k: string, t: string): string {
  return `${k}.expires_at <= ${t} and not exists (select from ${s}.runs r where r.id = ${k}.run_id
    and (r.finished_at is null or r.finished_at > ${t} - ${KEY_KEEP_MS}))`;
}

/** `k`: keyed starts, and whether their locks were granted. */
export function lockKeyPart(s: string, source: string): string {
  const lock = keyLock(s, { workspace: "k.workspace", scope: "k.scope", key: "k.key" });
  return `k as materialized (
  select k.*, ($1::uuid[])[k.i] as run_id, pg_try_advisory_xact_lock(${lock}) as granted from ${source})`;
}

/** Whether the start with this place in the batch will not get its key, as far as the statement sees. */
export function lacksKey(s: string, i: string): string {
  return `${i} in (select k.i from k, clock where not k.granted or exists (select from ${s}.idempotency_keys o
    where o.workspace = k.workspace and o.scope = k.scope and o.key = k.key and not (${isFree(s, "o", "clock.t")})))`;
}

/**
 * `keyed`: those that have the key now; `conditions`: what else must be true of `k`, for a start that is refused leaves its key free. The
 * insert looks past the statement's snapshot: a key that was taken after it is a conflict too.
 */
export function takeKeyPart(s: string, conditions: readonly string[]): string {
  return `keyed as (
  insert into ${s}.idempotency_keys as old (run_id, created_at, expires_at, workspace, scope, key, fingerprint)
  select k.run_id, clock.t, clock.t + ${KEY_KEEP_MS}, k.workspace, k.scope, k.key, k.fingerprint from k, clock
  where ${["k.granted", `not exists (select from ${s}.runs r where r.id = k.run_id)`, ...conditions].join(" and ")}
  on conflict (workspace, scope, key) do update set run_id = excluded.run_id, fingerprint = excluded.fingerprint,
    created_at = excluded.created_at, expires_at = excluded.expires_at where ${isFree(s, "old", "excluded.created_at")}
  returning old.run_id)`;
}

/** What `f.had` says of a start that is refused. */
export const REFUSED = { moved: -1, locked: -2, taken: -3, contended: -4, full: -5 } as const;

/** The branches of a `case` over the row `z` of a start. Hashed sub-selects: nothing here is compared row by row. */
export const keyFlags: string = `
  when z.i in (select k.i from k where not k.granted) then ${REFUSED.locked}
  when z.i in (select k.i from k) and ($1::uuid[])[z.i] not in (select keyed.run_id from keyed) then ${REFUSED.taken}`;

/** The same before anything else is looked at: such a start claims nothing, so nothing can be said of its other keys. */
export function knownKeyFlags(s: string): string {
  return `
  when z.i in (select k.i from k where not k.granted) then ${REFUSED.locked}
  when ${lacksKey(s, "z.i")} then ${REFUSED.taken}`;
}

export function keyStore(pool: ConnectionPool, s: string): KeyStore {
  return {
    key: (ref) => pool.use((session) => keyHolder(session, s, ref)),
    expireKeys: (limit) => expireKeys(pool, s, limit),
  };
}

/** The columns' names are single words: in a transaction of the host's, its plugins may rewrite others. */
export async function keyHolder(session: Sender, s: string, ref: KeyRef): Promise<KeyHolder | null> {
  const [row] = await session.query<{ holder: string; fingerprint: string; gone: boolean }>({
    text: `select k.run_id as holder, k.fingerprint, not exists (select from ${s}.runs r where r.id = k.run_id) as gone from ${s}.idempotency_keys k, (select ${s}.now() as t) clock
      where k.workspace = $1 and k.scope = $2 and k.key = $3 and not (${isFree(s, "k", "clock.t")})`,
    values: [ref.workspace, ref.scope, ref.key],
  });
  if (!row) return null;
  return { runId: row.holder, fingerprint: row.fingerprint, ...(row.gone ? { isRunGone: true } : {}) };
}

async function expireKeys(pool: ConnectionPool, s: string, limit: number): Promise<number> {
  const same = "k.workspace = due.workspace and k.scope = due.scope and k.key = due.key";
  const [row] = await pool.query<{ looked: number }>({
    name: "flowforge_expire_keys",
    text: `with clock as materialized (select ${s}.now() as t),
      due as materialized (
        select k.workspace, k.scope, k.key, k.run_id, k.expires_at from ${s}.idempotency_keys k
        where k.expires_at <= (select t from clock) order by k.expires_at limit $1 for update skip locked),
      gone as (delete from ${s}.idempotency_keys k using due, clock where ${same} and ${isFree(s, "due", "clock.t")}),
      held as (update ${s}.idempotency_keys k set expires_at = coalesce(r.finished_at, clock.t) + ${KEY_KEEP_MS}
        from due join ${s}.runs r on r.id = due.run_id, clock where ${same} and not (${isFree(s, "due", "clock.t")}))
      select count(*) as looked from due`,
    values: [limit],
  });
  return row!.looked;
}
