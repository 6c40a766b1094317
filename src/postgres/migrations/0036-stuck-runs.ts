/**
 * What a worker can run, and the runs that are stuck: a list that is empty while all is well. Workers of older versions do not tell their actions.
 */
import type { Migration } from "./migration.ts";

export const stuckRuns: Migration = {
  version: 36,
  name: "stuck_runs",
  statements: (s) => [
    `alter table ${s}.workers add column actions json`,
    `create table ${s}.stuck_runs (
       run_id uuid not null,
       node text collate "C" not null,
       reason text collate "C" not null,
       since bigint not null,
       found_at bigint not null,
       version integer not null,
       workspace text collate "C" not null,
       workflow text not null,
       lane text,
       action text,
       constraint stuck_runs_pkey primary key (run_id, node, reason)
     )`,
    // Of all engines, one looks at a time.
    `create table ${s}.stuck_looks (one boolean primary key default true check (one), looked_at bigint not null)`,
  ],
};
