/** What workspaces may start: token buckets as `workspace_buckets`, of runs and of bytes. */
import type { Migration } from "./migration.ts";

export const quotas: Migration = {
  version: 37,
  name: "quotas",
  statements: (s) =>
    ["start_quotas", "payload_quotas"].map(
      (table) => `create table ${s}.${table} (
       workspace text not null,
       at bigint not null,
       tokens double precision not null,
       given integer not null,
       constraint ${table}_pkey primary key (workspace)
     ) with (fillfactor = 50, autovacuum_vacuum_threshold = 200)`,
    ),
};
