/** What is set for workspaces. */
import type { Migration } from "./migration.ts";

export const limits: Migration = {
  version: 33,
  name: "limits",
  statements: (s) => [
    `create table ${s}.workspace_limits (
       workspace text not null,
       set_at bigint not null,
       plan text,
       limits json not null,
       constraint workspace_limits_pkey primary key (workspace)
     )`,
  ],
};
