/** Events of workspaces: what was published, and how far each has been handed on. */
import type { Migration } from "./migration.ts";

export const events: Migration = {
  version: 27,
  name: "events",
  statements: (s) => [
    `create table ${s}.events (
       published_at bigint not null,
       expires_at bigint not null,
       due_at bigint not null,
       rev integer not null default 0,
       runs integer not null default 0,
       no_room integer not null default 0,
       started integer not null default 0,
       refused integer not null default 0,
       failures integer not null default 0,
       stage text not null default 'waits',
       workspace text collate "C" not null,
       id text collate "C" not null,
       name text collate "C" not null,
       fingerprint text not null,
       chain json not null,
       after json,
       refusals json,
       payload json,
       constraint events_pkey primary key (workspace, id)
     ) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000)`,
    `create index events_due on ${s}.events (due_at) where stage <> 'done'`,
    `create index events_expiry on ${s}.events (expires_at) where stage = 'done'`,
    `create index events_by_age on ${s}.events (workspace, published_at desc, id desc)`,
  ],
};
