/**
 * Feeds: what happens in the workspaces that somebody listens to.
 *
 * That a run starts or comes to rest is told by the commit statement, which pays once for a whole batch. A trigger for each of them was tried: it
 * made a run's start and end dearer by two thirds where nobody listened. What is rare is told by triggers: no statement then can
 * leave it out.
 */
import type { Migration } from "./migration.ts";

export const feeds: Migration = {
  version: 31,
  name: "feeds",
  statements: (s) => [
    `create table ${s}.feeds (
       workspace text collate "C" not null,
       until bigint not null,
       floor xid8 not null,
       constraint feeds_pkey primary key (workspace)
     )`,
    // In the order of the transactions: what is older than every open one is there for good.
    `create table ${s}.feed_events (
       workspace text collate "C" not null,
       xid xid8 not null default pg_current_xact_id(),
       id bigint not null generated always as identity,
       at bigint not null,
       run_id uuid not null,
       type text not null,
       workflow text not null,
       node text,
       dead_letter bigint,
       constraint feed_events_pkey primary key (workspace, xid, id)
     )`,
    `create index feed_events_by_age on ${s}.feed_events using brin (at)`,
    // A run that had come to rest goes on, or rests in another way.
    `create function ${s}.feed_run() returns trigger language plpgsql as $$
     begin
       insert into ${s}.feed_events (workspace, at, run_id, type, workflow)
       select new.workspace, ${s}.now(), new.id,
         case when new.finished_at is null then 'run.reopened' else 'run.' || new.status end, new.workflow
       from ${s}.feeds f where f.workspace = new.workspace and f.until > ${s}.now();
       return null;
     end $$`,
    `create function ${s}.feed_dead_letter() returns trigger language plpgsql as $$
     begin
       insert into ${s}.feed_events (workspace, at, run_id, type, workflow, node, dead_letter)
       select new.workspace, ${s}.now(), new.run_id,
         case when new.resolved_at is null then 'dead_letter.opened' else 'dead_letter.resolved' end, new.workflow, new.node, new.id
       from ${s}.feeds f where f.workspace = new.workspace and f.until > ${s}.now();
       return null;
     end $$`,
    `create trigger feed_changed after update on ${s}.runs for each row
       when (old.finished_at is not null and (new.finished_at is null or old.status <> new.status))
       execute function ${s}.feed_run()`,
    `create trigger feed_opened after insert on ${s}.dead_letters for each row execute function ${s}.feed_dead_letter()`,
    `create trigger feed_resolved after update on ${s}.dead_letters for each row
       when (old.resolved_at is null and new.resolved_at is not null) execute function ${s}.feed_dead_letter()`,
  ],
};
