/**
 * Runs, their node runs, and what reaches them from outside.
 *
 * Hot tables have no foreign keys (a parent row that is being deleted would make a batch wait) and no index on a column that
 * changes at every step: updates stay HOT, on the same page, without touching an index. A row that must be found while it
 * waits has a column that is null otherwise, and a partial index on that column (`due_at`, `ready_at`, `dispatched_at`).
 * A predicate such as `status = 'ready'` would not do: its columns count as indexed, and every change of `status` would
 * write all indexes again.
 *
 * Times are milliseconds since 1970, `bigint`: exact, 8 bytes, and compared without time zones.
 */
import type { Migration } from "./migration.ts";

/** Without `fillfactor`. Vacuum early and at full speed: what it cleans is small, and what it leaves grows. */
const VACUUM =
  "autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0";

export const runs: Migration = {
  version: 1,
  name: "runs",
  statements: (s) => [
    // Plain SQL and volatile, so that the planner inlines it. Tests replace it by one with an offset.
    `create function ${s}.now() returns bigint language sql volatile parallel safe
       as $$ select floor(extract(epoch from clock_timestamp()) * 1000)::bigint $$`,
    `create table ${s}.runs (
       id uuid not null,
       seq bigint not null,
       created_at bigint not null,
       started_at bigint,
       finished_at bigint,
       version integer not null,
       inbox integer not null default 0,
       dead_letters integer not null default 0,
       paused boolean not null default false,
       cancelled boolean not null default false,
       status text not null,
       workspace text not null,
       workflow text not null,
       trigger text not null,
       labels json not null,
       input json not null,
       trigger_payload json,
       output json,
       constraint runs_pkey primary key (id)
     ) with (fillfactor = 60, ${VACUUM})`,
    `create index runs_by_workspace on ${s}.runs (workspace, created_at, id)`,
    `create index runs_by_workflow on ${s}.runs (workspace, workflow, created_at, id)`,
    // `input` stands before what changes: WAL leaves out the beginning that the old and the new row share. The fill factor
    // keeps room for the one large change of a row's life, its output; pages are two thirds full afterwards. Measured per
    // step with 75, 60, 45 and 30: 1,460, 1,343, 1,267 and 1,214 bytes of WAL, 19.5, 19, 17.5 and 16.8 us of server time.
    `create table ${s}.node_runs (
       run_id uuid not null,
       item integer not null,
       node text not null,
       input json,
       seq bigint not null,
       due_at bigint,
       ready_at bigint,
       dispatched_at bigint,
       started_at bigint,
       finished_at bigint,
       attempt integer not null,
       fence integer not null,
       losses integer not null default 0,
       generation integer not null default 0,
       dispatches integer not null default 0,
       possibly_duplicated boolean not null default false,
       status text not null,
       outcome text,
       worker text,
       waiting_for text,
       failure text,
       error json,
       output json,
       constraint node_runs_pkey primary key (run_id, node, item)
     ) with (fillfactor = 45, ${VACUUM})`,
    `create index node_runs_due on ${s}.node_runs (due_at) where due_at is not null and ready_at is null`,
    `create index node_runs_ready on ${s}.node_runs (ready_at) where ready_at is not null`,
    `create index node_runs_dispatched on ${s}.node_runs (dispatched_at) where dispatched_at is not null`,
    // Which workers hold, or held a moment ago, node runs of a run: a row at a worker's first claim, gone when the run rests or
    // waits. An index on `node_runs (worker)` instead would end HOT updates there (share 0.80 -> 0) and cost 170 bytes
    // of WAL and about 3 us of server time per step; this costs 5 bytes and 1 us.
    `create table ${s}.run_workers (
       run_id uuid not null,
       worker text not null,
       constraint run_workers_pkey primary key (run_id, worker)
     ) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)`,
    `create index run_workers_by_worker on ${s}.run_workers (worker, run_id)`,
    `create table ${s}.run_inbox (
       run_id uuid not null,
       arrival bigint generated always as identity,
       received_at bigint not null,
       state text not null default 'new',
       id text not null,
       kind text not null,
       body json,
       constraint run_inbox_pkey primary key (run_id, id)
     ) with (fillfactor = 80)`,
    `create index run_inbox_open on ${s}.run_inbox (run_id, arrival) where state <> 'used'`,
    `create index run_inbox_unread on ${s}.run_inbox (received_at) where state = 'new'`,
    `create table ${s}.attempts (
       run_id uuid not null,
       started_at bigint,
       finished_at bigint not null,
       item integer not null,
       fence integer not null,
       attempt integer not null,
       node text not null,
       error json not null,
       seq bigint generated always as identity,
       constraint attempts_pkey primary key (run_id, seq)
     )`,
    `create table ${s}.dead_letters (
       id bigint generated always as identity,
       run_id uuid not null,
       opened_at bigint not null,
       resolved_at bigint,
       item integer not null,
       fence integer not null,
       attempts integer not null,
       node text not null,
       resolution text,
       resolved_by text,
       error json,
       input json,
       constraint dead_letters_pkey primary key (id)
     )`,
    `create index dead_letters_by_run on ${s}.dead_letters (run_id, node, item)`,
    `create index dead_letters_open on ${s}.dead_letters (opened_at) where resolved_at is null`,
  ],
};
