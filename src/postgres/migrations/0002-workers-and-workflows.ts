/** Worker processes and workflow definitions: written rarely, read often. */
import type { Migration } from "./migration.ts";

export const workersAndWorkflows: Migration = {
  version: 2,
  name: "workers-and-workflows",
  statements: (s) => [
    // `heartbeat_at` is in no index: the heartbeat of a process is one HOT update every few seconds.
    `create table ${s}.workers (
       id text not null,
       started_at bigint not null,
       heartbeat_at bigint not null,
       dead_at bigint,
       pid integer not null,
       concurrency integer not null,
       host text not null,
       lanes json not null,
       constraint workers_pkey primary key (id)
     ) with (fillfactor = 50, autovacuum_vacuum_threshold = 100)`,
    `create table ${s}.workflows (
       workspace text not null,
       name text not null,
       newest integer not null,
       constraint workflows_pkey primary key (workspace, name)
     )`,
    `create table ${s}.workflow_versions (
       workspace text not null,
       name text not null,
       version integer not null,
       created_at bigint not null,
       checksum text not null,
       document json not null,
       constraint workflow_versions_pkey primary key (workspace, name, version),
       constraint workflow_versions_checksum unique (workspace, name, checksum)
     )`,
  ],
};
