/** Runs that repeat others. */
import type { Migration } from "./migration.ts";

export const reruns: Migration = {
  version: 5,
  name: "reruns",
  statements: (s) => [`alter table ${s}.runs add column rerun_of uuid`],
};
