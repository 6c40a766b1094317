/** Runs that are undone: set once, by a cancel or by a failure, and never cleared. */
import type { Migration } from "./migration.ts";

export const compensation: Migration = {
  version: 7,
  name: "compensation",
  // The default is kept apart from the rows: no row is rewritten.
  statements: (s) => [`alter table ${s}.runs add column compensate boolean not null default false`],
};
