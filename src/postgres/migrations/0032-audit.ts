/** What people did. One row an action: written before it, and told afterwards how it went. */
import type { Migration } from "./migration.ts";

export const audit: Migration = {
  version: 32,
  name: "audit",
  statements: (s) => [
    `create table ${s}.audit (
       id uuid not null,
       at bigint not null,
       ended_at bigint,
       workspace text collate "C" not null,
       outcome text not null,
       action text not null,
       kind text not null,
       actor text,
       subject text,
       code text,
       details json,
       constraint audit_pkey primary key (id)
     ) with (fillfactor = 90)`,
    `create index audit_of_workspace on ${s}.audit (workspace, at, id)`,
    `create index audit_of_subject on ${s}.audit (workspace, subject, at, id) where subject is not null`,
    `create index audit_by_age on ${s}.audit (at)`,
  ],
};
