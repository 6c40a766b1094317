/** Lines that actions wrote. No index but the key: lines are read by run, and written by the thousand. */
import type { Migration } from "./migration.ts";

export const nodeLogs: Migration = {
  version: 29,
  name: "node_logs",
  statements: (s) => [
    `create table ${s}.node_logs (
       run_id uuid not null,
       seq bigint generated always as identity,
       at bigint not null,
       item integer not null,
       attempt integer not null,
       node text not null,
       level text not null,
       message text not null,
       fields json,
       constraint node_logs_pkey primary key (run_id, seq)
     )`,
  ],
};
