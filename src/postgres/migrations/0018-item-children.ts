/** Runs that were started by items of maps. */
import type { Migration } from "./migration.ts";

export const itemChildren: Migration = {
  version: 18,
  name: "item_children",
  statements: (s) => [`alter table ${s}.child_ends add column of_item boolean not null default false`],
};
