/** How many bytes the values of a run have in all: in its row, and for its items in the rows of their maps. */
import type { Migration } from "./migration.ts";

export const sizes: Migration = {
  version: 12,
  name: "sizes",
  statements: (s) => [
    // It stands behind the input, which WAL therefore holds again whenever it changes. So it does only with writes that are large
    // themselves; until then it is null, and takes no place in the row.
    `alter table ${s}.runs add column bytes bigint`,
    `alter table ${s}.maps add column bytes bigint not null default 0`,
  ],
};
