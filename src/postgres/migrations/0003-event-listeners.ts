/** Which runs can take which events: a row while the run is under way, and only for workflows that wait for events. */
import type { Migration } from "./migration.ts";

export const eventListeners: Migration = {
  version: 3,
  name: "event-listeners",
  statements: (s) => [
    `create table ${s}.event_listeners (
       run_id uuid not null,
       workspace text not null,
       event text not null,
       constraint event_listeners_pkey primary key (run_id, event)
     ) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000)`,
    `create index event_listeners_by_event on ${s}.event_listeners (workspace, event, run_id)`,
  ],
};
