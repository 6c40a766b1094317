/** How long a node run is tried: its deadline, and how long others have put it off. Null in nearly every row, which costs nothing. */
import type { Migration } from "./migration.ts";

export const bounds: Migration = {
  version: 9,
  name: "bounds",
  statements: (s) => [
    `alter table ${s}.node_runs
       add column deadline_at bigint,
       add column put_off_ms bigint,
       add column key_fence integer`,
    // The predicate names the same column only: while it keeps its value, updates stay HOT.
    `create index node_runs_deadline on ${s}.node_runs (deadline_at) where deadline_at is not null`,
  ],
};
