/** What the deletion of a workspace remembers: runs that were under way are looked at twice, and no version's number is used twice. */
import type { Migration } from "./migration.ts";

export const workspaces: Migration = {
  version: 25,
  name: "workspaces",
  statements: (s) => [
    // Both are constants: no row is written anew.
    `alter table ${s}.deleted_runs add column look_at bigint not null default 0, add column until bigint not null default 0`,
    `create index deleted_runs_look_at on ${s}.deleted_runs (look_at)`,
    `create table ${s}.erased_workflows (
       newest integer not null,
       name_hash bytea not null,
       constraint erased_workflows_pkey primary key (name_hash)
     )`,
  ],
};
