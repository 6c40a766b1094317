/** What is counted of runs and attempts by the minute and by the hour, and how much work there was in each minute. */
import type { Migration } from "./migration.ts";

export const statistics: Migration = {
  version: 23,
  name: "statistics",
  statements: (s) => [
    // Only runs that are under way; entered once and left once in the life of a run.
    `create index runs_active on ${s}.runs (workspace) where finished_at is null`,
    `create table ${s}.counts (
       unit_ms integer not null,
       workspace text collate "C" not null,
       workflow text collate "C" not null,
       node text collate "C" not null,
       at bigint not null,
       started bigint not null,
       succeeded bigint not null,
       failed bigint not null,
       cancelled bigint not null,
       run_ms double precision not null,
       attempts bigint not null,
       failures bigint not null,
       retries bigint not null,
       attempt_ms double precision not null,
       queued bigint not null,
       queued_ms double precision not null,
       dead_letters bigint not null,
       run_bins bigint[] not null,
       attempt_bins bigint[] not null,
       constraint counts_pkey primary key (unit_ms, workspace, workflow, node, at)
     ) with (fillfactor = 50)`,
    `create index counts_age on ${s}.counts (unit_ms, at)`,
    `create table ${s}.depth_samples (
       workspace text collate "C" not null,
       at bigint not null,
       active bigint not null,
       ready bigint not null,
       queued bigint not null,
       running bigint not null,
       dead_letters bigint not null,
       constraint depth_samples_pkey primary key (workspace, at)
     )`,
    `create index depth_samples_age on ${s}.depth_samples (at)`,
  ],
};
