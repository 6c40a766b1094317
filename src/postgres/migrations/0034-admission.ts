/** What workspaces with limits spend, and the node runs that wait until there is room for them. */
import type { Migration } from "./migration.ts";

export const admission: Migration = {
  version: 34,
  name: "admission",
  statements: (s) => [
    // Null in every row that does not wait for room, so that updates of the others stay HOT.
    `alter table ${s}.node_runs
       add column held_at bigint,
       add column held_lane text,
       add column held_for text`,
    `create index node_runs_held on ${s}.node_runs (held_lane, held_for, held_at) where held_for is not null`,
    // `given`: what the last one who asked got. Written often, in place.
    `create table ${s}.workspace_buckets (
       workspace text not null,
       at bigint not null,
       tokens double precision not null,
       given integer not null,
       constraint workspace_buckets_pkey primary key (workspace)
     ) with (fillfactor = 50, autovacuum_vacuum_threshold = 200)`,
    // A row counts as long as its worker lives. `since`: from when on it has had fewer than it wants.
    `create table ${s}.workspace_places (
       workspace text not null,
       worker text not null,
       at bigint not null,
       since bigint,
       places integer not null,
       constraint workspace_places_pkey primary key (workspace, worker)
     ) with (fillfactor = 50, autovacuum_vacuum_threshold = 200)`,
    `create index workspace_places_by_worker on ${s}.workspace_places (worker)`,
  ],
};
