/** The triggers of the newest version of each workflow: read by path, by event name, or all schedules. */
import type { Migration } from "./migration.ts";

export const triggers: Migration = {
  version: 19,
  name: "triggers",
  statements: (s) => [
    `create table ${s}.triggers (
       workspace text collate "C" not null,
       workflow text collate "C" not null,
       node text collate "C" not null,
       version integer not null,
       type text not null,
       name text,
       source json not null,
       constraint triggers_pkey primary key (workspace, workflow, node)
     )`,
    `create index triggers_by_name on ${s}.triggers (type, name, workspace, workflow, node)`,
    // Those of the versions that are there already.
    `insert into ${s}.triggers (workspace, workflow, node, version, type, name, source)
     select v.workspace, v.name, n.key, v.version, n.value->'source'->>'type',
       case n.value->'source'->>'type' when 'webhook' then n.value->'source'->>'path'
         when 'event' then n.value->'source'->>'name' end,
       n.value->'source'
     from ${s}.workflows w
       join ${s}.workflow_versions v on v.workspace = w.workspace and v.name = w.name and v.version = w.newest,
       json_each(v.document->'nodes') n
     where n.value->>'kind' = 'trigger' and n.value->'source'->>'type' in ('webhook', 'schedule', 'event')`,
  ],
};
