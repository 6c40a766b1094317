/** Idempotency keys that nodes declare: which node run holds each, or what it gave; and who waits for one. */
import type { Migration } from "./migration.ts";

export const actionKeys: Migration = {
  version: 14,
  name: "action-keys",
  statements: (s) => [
    // `expires_at`: when to look whether the row can go.
    `create table ${s}.action_keys (
       run_id uuid not null,
       created_at bigint not null,
       expires_at bigint not null,
       state text not null,
       workspace text not null,
       action text not null,
       key text not null,
       node text not null,
       fingerprint text not null,
       result json,
       constraint action_keys_pkey primary key (workspace, action, key)
     ) with (fillfactor = 80)`,
    `create index action_keys_owner on ${s}.action_keys (run_id, node)`,
    `create index action_keys_expires on ${s}.action_keys (expires_at)`,
    `create table ${s}.action_key_waiters (
       run_id uuid not null,
       expires_at bigint not null,
       fence integer not null,
       workspace text not null,
       action text not null,
       key text not null,
       node text not null,
       constraint action_key_waiters_pkey primary key (run_id, node)
     )`,
    `create index action_key_waiters_key on ${s}.action_key_waiters (workspace, action, key)`,
    `create index action_key_waiters_expires on ${s}.action_key_waiters (expires_at)`,
  ],
};
