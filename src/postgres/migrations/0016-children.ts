/** Runs that were started by a node of another run. */
import type { Migration } from "./migration.ts";

export const children: Migration = {
  version: 16,
  name: "children",
  statements: (s) => [
    `alter table ${s}.runs add column parent_run uuid, add column parent json`,
    // Neither ever changes, so updates of runs stay HOT.
    `create index runs_parent on ${s}.runs (parent_run) where parent_run is not null`,
    // Children that came to rest and whose parents were not told. Written with the end itself, and gone with the telling.
    `create table ${s}.child_ends (
       run_id uuid not null,
       seq bigint not null,
       constraint child_ends_pkey primary key (run_id, seq)
     )`,
  ],
};
