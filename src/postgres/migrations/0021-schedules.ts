/** Where each schedule stands in the series of its ticks. */
import type { Migration } from "./migration.ts";

export const schedules: Migration = {
  version: 21,
  name: "schedules",
  statements: (s) => [
    `create table ${s}.schedules (
       workspace text collate "C" not null,
       workflow text collate "C" not null,
       node text collate "C" not null,
       rev integer not null default 0,
       paused boolean not null default false,
       held boolean not null default false,
       due_at bigint,
       fire_at bigint,
       last_due_at bigint,
       last_run uuid,
       last_error text,
       source json not null,
       constraint schedules_pkey primary key (workspace, workflow, node)
     )`,
    `create index schedules_due on ${s}.schedules (fire_at) where not paused`,
  ],
};
