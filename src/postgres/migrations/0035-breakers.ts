/** Circuit breakers, and the node runs that are parked behind them. Both tables are empty while nothing fails. */
import type { Migration } from "./migration.ts";

export const breakers: Migration = {
  version: 35,
  name: "breakers",
  statements: (s) => [
    `create table ${s}.breakers (
       workspace text collate "C" not null,
       scope text collate "C" not null,
       name text collate "C" not null,
       version bigint not null,
       changed_at bigint not null,
       phase text not null,
       state json not null,
       constraint breakers_pkey primary key (workspace, scope, name)
     ) with (fillfactor = 70)`,
    `create index breakers_by_change on ${s}.breakers (changed_at)`,
    // Whoever is parked first begins first. What a line says is checked when its node run is claimed.
    `create table ${s}.parked_nodes (
       workspace text collate "C" not null,
       scope text collate "C" not null,
       name text collate "C" not null,
       run_id uuid not null,
       node text collate "C" not null,
       parked_at bigint not null,
       fence integer not null,
       lane text not null,
       action text not null,
       constraint parked_nodes_pkey primary key (workspace, scope, name, run_id, node)
     )`,
    `create index parked_nodes_in_order on ${s}.parked_nodes (workspace, scope, name, parked_at)`,
  ],
};
