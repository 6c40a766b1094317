/** What parts of long actions gave (`ctx.step`), and how far they came (`ctx.checkpoint`, under the empty name). */
import type { Migration } from "./migration.ts";

export const stepMemos: Migration = {
  version: 8,
  name: "step-memos",
  statements: (s) => [
    `create table ${s}.step_memos (
       run_id uuid not null,
       item integer not null,
       generation integer not null,
       fence integer not null,
       node text not null,
       name text not null,
       value json not null,
       constraint step_memos_pkey primary key (run_id, node, item, generation, name)
     ) with (fillfactor = 80)`,
  ],
};
