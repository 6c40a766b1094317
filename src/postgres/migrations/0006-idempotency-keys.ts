/** Idempotency keys: which run a start with a key made. A row outlives its run's end by 30 days. */
import type { Migration } from "./migration.ts";

export const idempotencyKeys: Migration = {
  version: 6,
  name: "idempotency-keys",
  statements: (s) => [
    // `expires_at`: not free before then. Whether it is free afterwards depends on the run's end, which costs the commit that ends
    // a run nothing: who finds a key whose time has come looks at the run, and moves the time on.
    `create table ${s}.idempotency_keys (
       run_id uuid not null,
       created_at bigint not null,
       expires_at bigint not null,
       workspace text not null,
       scope text not null,
       key text not null,
       fingerprint text not null,
       constraint idempotency_keys_pkey primary key (workspace, scope, key)
     )`,
    `create index idempotency_keys_expires on ${s}.idempotency_keys (expires_at)`,
  ],
};
