/** How many runs of a workflow are under way at once: who has a place, and who waits for one. */
import type { Migration } from "./migration.ts";

export const runGates: Migration = {
  version: 15,
  name: "run-gates",
  statements: (s) => [
    // `at`: since when, or from when on, the run waits, which is the order of all. `told`: it was told to end.
    `create table ${s}.run_gates (
       run_id uuid not null,
       at bigint not null,
       slot integer,
       lim integer not null,
       admitted boolean not null,
       told boolean not null default false,
       workspace text not null,
       workflow text not null,
       key text not null,
       on_limit text not null,
       constraint run_gates_pkey primary key (run_id)
     ) with (fillfactor = 80)`,
    // One who goes on after a rest has no number, and counts all the same.
    `create unique index run_gates_slots on ${s}.run_gates (workspace, workflow, key, slot) where admitted`,
    `create index run_gates_waiting on ${s}.run_gates (workspace, workflow, key, at, run_id) where not admitted`,
  ],
};
