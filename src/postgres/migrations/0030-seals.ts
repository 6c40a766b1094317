/** How many texts a data key may have sealed. */
import type { Migration } from "./migration.ts";

export const seals: Migration = {
  version: 30,
  name: "seals",
  statements: (s) => [
    // What the keys of before have sealed was not counted: more than anybody has written, and little beside what a key may seal.
    `alter table ${s}.data_keys add column seals bigint not null default 1048576`,
    `alter table ${s}.data_keys alter column seals set default 0`,
  ],
};
