/** Maps: one row per node run that runs an action for each item of a list. */
import type { Migration } from "./migration.ts";

export const maps: Migration = {
  version: 10,
  name: "maps",
  statements: (s) => [
    // When an item is run again, where it waits for that. A column of its own: the loops that look for node runs that are due must
    // not see thousands of items which nobody may run now.
    `alter table ${s}.node_runs add column retry_at bigint`,
    `create index node_runs_retry on ${s}.node_runs (run_id, node, retry_at) where retry_at is not null`,
    // Changed with every batch of items: nothing of that is in an index, so the updates stay HOT.
    `create table ${s}.maps (
       run_id uuid not null,
       touched_at bigint not null,
       fence integer not null,
       total integer not null,
       concurrency integer not null,
       next integer not null default 0,
       running integer not null default 0,
       waiting integer not null default 0,
       done integer not null default 0,
       failed integer not null default 0,
       open integer not null default 0,
       collect boolean not null,
       closed boolean not null default false,
       live boolean not null default true,
       node text not null,
       constraint maps_pkey primary key (run_id, node)
     ) with (fillfactor = 40)`,
    `create index maps_live on ${s}.maps (run_id, node) where live`,
  ],
};
