/** How far each poll has read, and which items it has seen. */
import type { Migration } from "./migration.ts";

export const polls: Migration = {
  version: 28,
  name: "polls",
  statements: (s) => [
    `create table ${s}.polls (
       workspace text collate "C" not null,
       workflow text collate "C" not null,
       node text collate "C" not null,
       rev integer not null default 0,
       failures integer not null default 0,
       last_items integer not null default 0,
       paused boolean not null default false,
       series bigint not null,
       due_at bigint not null,
       last_at bigint,
       stage text not null default 'first',
       holder text,
       last_error text,
       last_refusal json,
       cursor json not null default 'null',
       source json not null,
       constraint polls_pkey primary key (workspace, workflow, node)
     )`,
    `create index polls_due on ${s}.polls (due_at) where not paused`,
    `create table ${s}.poll_items (
       workspace text collate "C" not null,
       workflow text collate "C" not null,
       node text collate "C" not null,
       item text collate "C" not null,
       series bigint not null,
       seen_at bigint not null,
       constraint poll_items_pkey primary key (workspace, workflow, node, series, item)
     )`,
    `create index poll_items_by_age on ${s}.poll_items (workspace, workflow, node, series, seen_at, item)`,
  ],
};
