/**
 * The parts of the commit statement that tell feeds of runs that start and come to rest. Where nobody listens to any workspace, the
 * first condition is all that is looked at, once in a statement. What else a feed tells is rare, and triggers write it (migration "feeds").
 */

const INTO = "(workspace, at, run_id, type, workflow)";

/** `kept`: for entries that are refused after their run was locked. */
export function restFeedPart(s: string, kept: string): string {
  const from = kept === "" ? "" : "f, ";
  return `fed as (
  insert into ${s}.feed_events ${INTO}
  select r.workspace, clock.t, r.id, 'run.' || l.status, r.workflow
  from ${from}clock, l join ${s}.runs r on r.id = l.id join ${s}.feeds w on w.workspace = r.workspace
  where (select exists (select from ${s}.feeds)) and l.had is not null and l.finished and r.finished_at is null
    and w.until > clock.t${kept})`;
}

export function startFeedPart(s: string): string {
  return `fed_new as (
  insert into ${s}.feed_events ${INTO}
  select z.workspace, clock.t, ($1::uuid[])[z.i], e.type, z.workflow
  from f, clock, z join ${s}.feeds w on w.workspace = z.workspace cross join lateral
    unnest(case when z.finished then array['run.started', 'run.' || z.status] else array['run.started'] end) as e(type)
  where (select exists (select from ${s}.feeds)) and f.had[z.i] >= 0 and w.until > clock.t)`;
}
