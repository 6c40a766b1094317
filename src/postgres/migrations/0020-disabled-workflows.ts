/** Workflows that nothing from outside starts for the time being. */
import type { Migration } from "./migration.ts";

export const disabledWorkflows: Migration = {
  version: 20,
  name: "disabled-workflows",
  statements: (s) => [`alter table ${s}.workflows add column enabled boolean not null default true`],
};
