/** Sealed credentials, and the wrapped keys that seal them. */
import type { Migration } from "./migration.ts";

export const credentials: Migration = {
  version: 11,
  name: "credentials",
  statements: (s) => [
    `create table ${s}.data_keys (
       number integer not null,
       created_at bigint not null,
       workspace text not null,
       wrapped_by text not null,
       wrapped text not null,
       constraint data_keys_pkey primary key (workspace, number)
     )`,
    `create table ${s}.credentials (
       id uuid not null,
       version integer not null,
       data_key integer not null,
       created_at bigint not null,
       updated_at bigint not null,
       workspace text not null,
       name text not null,
       sealed json not null,
       allow_hosts text[],
       constraint credentials_pkey primary key (workspace, name),
       constraint credentials_data_key_fkey foreign key (workspace, data_key) references ${s}.data_keys (workspace, number)
     )`,
  ],
};
