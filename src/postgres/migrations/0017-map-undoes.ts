/** Maps that undo other maps. */
import type { Migration } from "./migration.ts";

export const mapUndoes: Migration = {
  version: 17,
  name: "map_undoes",
  statements: (s) => [`alter table ${s}.maps add column undoes text`],
};
