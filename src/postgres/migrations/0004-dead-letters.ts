/** Dead letters for people: found by workspace, grouped by what failed, resolved by somebody. */
import type { Migration } from "./migration.ts";

export const deadLetters: Migration = {
  version: 4,
  name: "dead-letters",
  statements: (s) => [
    `alter table ${s}.node_runs add column edited text`,
    `alter table ${s}.dead_letters
       add column generation integer not null default 0,
       add column workspace text not null default '',
       add column workflow text not null default '',
       add column error_class text not null default '',
       add column fingerprint text not null default '',
       add column resolution_id text`,
    `drop index ${s}.dead_letters_open`,
    `create index dead_letters_open on ${s}.dead_letters (workspace, opened_at, id) where resolved_at is null`,
    `create index dead_letters_by_workspace on ${s}.dead_letters (workspace, opened_at, id)`,
  ],
};
