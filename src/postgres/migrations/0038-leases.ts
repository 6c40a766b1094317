/** How long each worker may be silent: workers that are deployed with another lease judge each other by it. */
import type { Migration } from "./migration.ts";

export const leases: Migration = {
  version: 38,
  name: "leases",
  statements: (s) => [`alter table ${s}.workers add column lease_ms bigint`],
};
