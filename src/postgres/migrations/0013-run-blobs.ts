/** Large values of runs, each once per run. Rows that hold one have its hash instead. */
import type { Migration } from "./migration.ts";

export const runBlobs: Migration = {
  version: 13,
  name: "run-blobs",
  statements: (s) => [
    `create table ${s}.run_blobs (
       run_id uuid not null,
       sha256 bytea not null,
       value json not null,
       constraint run_blobs_pkey primary key (run_id, sha256)
     )`,
  ],
};
