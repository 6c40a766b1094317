/** Runs whose row is gone and whose rows in other tables are not yet. */
import type { Migration } from "./migration.ts";

export const deletedRuns: Migration = {
  version: 24,
  name: "deleted-runs",
  statements: (s) => [
    // Rows come and go at the rate at which runs are deleted.
    `create table ${s}.deleted_runs (
       run_id uuid not null,
       constraint deleted_runs_pkey primary key (run_id)
     ) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000)`,
  ],
};
