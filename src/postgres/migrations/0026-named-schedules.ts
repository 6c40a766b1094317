/** Schedules that were set under a name, with what their runs are started with. */
import type { Migration } from "./migration.ts";

export const namedSchedules: Migration = {
  version: 26,
  name: "named schedules",
  statements: (s) => [
    `alter table ${s}.schedules add column starts json`,
    // Those that sleep, and may wake.
    `create index schedules_asleep on ${s}.schedules (workspace, workflow)
       where starts is not null and fire_at is null and due_at is not null`,
  ],
};
