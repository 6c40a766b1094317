/**
 * The text of the commit statement. One statement is one transaction and one round trip; it is put together from the parts
 * that a batch needs, because each part of the text costs time even where it has nothing to do.
 *
 * The order of events inside: `l` locks each run whose `seq` is still the one that was decided on and skips rows that are
 * locked; `f` turns that into one array by the entry's place; every other part reads `f.had[i]`: below 0 where the entry is
 * refused, else the dead letters that the run had. A join would do the same, but the planner does not know how long the
 * arrays are, takes them for ten elements, and would compare every row with every entry.
 *
 * All parts see the same snapshot. That is safe because a run's rows change only under its row lock and with its `seq`: a run
 * that was locked here with the expected `seq` has not changed since the snapshot.
 */
import {
  actionKeyColumns,
  announcementColumns,
  attemptColumns,
  gateColumns,
  endColumns,
  itemColumns,
  keyColumns,
  listenColumns,
  mapColumns,
  messageColumns,
  moveColumns,
  nodeColumns,
  startColumns,
  DUE,
  type Column,
} from "./commit-columns.ts";
import { restFeedPart, startFeedPart } from "./commit-feed.ts";
import { blobRows, insertBlobs } from "./blobs.ts";
import type { Shape } from "./commit-rows.ts";
import { announcePart } from "./commit-events.ts";
import { itemParts, mapParts } from "./commit-maps.ts";
import { actionKeyFlags, claimKeyParts, isContended, settleKeyParts } from "./commit-action-keys.ts";
import { gateFlags, gateParts, hasPlace, passGateParts } from "./commit-gates.ts";
import { keyFlags, knownKeyFlags, lockKeyPart, REFUSED, takeKeyPart } from "./keys.ts";

const TERMINAL = "('succeeded', 'failed', 'skipped', 'cancelled')";

class Parameters {
  #count = 2;

  /** The number of the next parameter, of so many that follow each other. */
  skip(count: number): number {
    const first = this.#count + 1;
    this.#count += count;
    return first;
  }

  /** `unnest($3::int4[], ...) as name(i, ...)`, numbering on. */
  unnest<Row>(alias: string, columns: readonly Column<Row>[]): string {
    const arrays = columns.map((column) => `$${++this.#count}::${column.type}[]`);
    return `unnest(${arrays.join(", ")}) as ${alias}(${columns.map((column) => column.name).join(", ")})`;
  }
}

/** `s`: the quoted schema. */
export function commitText(s: string, shape: Shape): string {
  const parameters = new Parameters();
  // The types of both parameters must be known in every shape, also in one that reads neither.
  const parts = [`clock as materialized (select ${s}.now() as t, $1::uuid[] as ids, $2::int8[] as seqs)`];
  if (shape.moves) parts.push(lockPart(s, parameters, shape));
  if (shape.starts)
    parts.push(`z as materialized (select * from ${parameters.unnest("z", startColumns(shape))})`);
  if (shape.gates) parts.push(...gateParts(s, parameters.unnest("p", gateColumns)));
  if (shape.keys) parts.push(lockKeyPart(s, parameters.unnest("k", keyColumns)));
  if (shape.actionKeys) parts.push(...claimKeyParts(s, parameters.unnest("q", actionKeyColumns), shape));
  if (shape.keys) parts.push(takeKeyPart(s, startConditions(shape)));
  parts.push(flagsPart(s, shape));
  if (shape.updates) parts.push(nodesPart("x", parameters, shape), updatePart(s, shape));
  if (shape.inserts) parts.push(nodesPart("y", parameters, shape), insertPart(s, shape));
  if (shape.actionKeys) parts.push(...settleKeyParts(s, shape));
  if (shape.attempts) parts.push(attemptsPart(s, parameters));
  if (shape.messages) parts.push(...messageParts(s, parameters));
  if (shape.listens) parts.push(...listenParts(s, parameters, shape));
  const maps = shape.maps ? parameters.unnest("g", mapColumns) : null;
  if (shape.items) parts.push(...itemParts(s, parameters.unnest("h", itemColumns)));
  if (maps !== null) parts.push(...mapParts(s, maps, shape));
  if (shape.blobs) parts.push(blobsPart(s, parameters));
  if (shape.gates) parts.push(...passGateParts(s));
  if (shape.ends) parts.push(endsPart(s, parameters.unnest("j", endColumns)));
  if (shape.announces) parts.push(announcePart(s, parameters.unnest("b", announcementColumns)));
  if (shape.moves) parts.push(movePart(s, shape));
  if (shape.starts) parts.push(startPart(s, shape));
  if (shape.starts) parts.push(startFeedPart(s));
  if (shape.moves && shape.rests) parts.push(restFeedPart(s, orKept(shape.actionKeys)));
  if (shape.opens) parts.push(...openedParts(s, shape));
  if (shape.moves && shape.updates) parts.push(resolvedPart(s, shape));
  if (shape.claims) parts.push(claimsPart(s, shape));
  if (shape.moves && shape.rests) parts.push(restsPart(s, shape));
  return `with ${parts.join(",\n")}\n${verdictPart(s, shape)}`;
}

/** What else a start needs to be stored, which its key must not be taken without. */
function startConditions({ gates, actionKeys }: Shape): readonly string[] {
  return [...(gates ? [hasPlace("k.i")] : []), ...(actionKeys ? [`not (${isContended("k.i")})`] : [])];
}

function lockPart(s: string, parameters: Parameters, shape: Shape): string {
  return `l as materialized (
  select e.*, ($1::uuid[])[e.i] as id, ($2::int8[])[e.i] as seq, r.had
  from ${parameters.unnest("e", moveColumns(shape))}
  left join lateral (
    select r.dead_letters as had from ${s}.runs r
    where r.id = ($1::uuid[])[e.i] and r.seq = ($2::int8[])[e.i]
    for no key update skip locked) r on true)`;
}

/** A start is refused where the run exists. Two at once: the second one fails on the key, and is sent again alone. */
function flagsPart(s: string, { moves, starts, keys, actionKeys, gates }: Shape): string {
  const sources = [];
  if (moves)
    sources.push(
      actionKeys
        ? `select l.i, case when l.had is null then -1${actionKeyFlags("l.i")} else l.had end as had from l`
        : "select i, coalesce(had, -1) as had from l",
    );
  if (starts) {
    const known = keys && actionKeys ? knownKeyFlags(s) : "";
    const flags = [
      gates ? gateFlags : "",
      known,
      actionKeys ? actionKeyFlags("z.i") : "",
      keys ? keyFlags : "",
    ];
    sources.push(
      `select z.i, case when exists (select from ${s}.runs r where r.id = ($1::uuid[])[z.i]) then ${REFUSED.moved}${flags.join("")} else 0 end as had from z`,
    );
  }
  return `f as materialized (select array_agg(had order by i) as had from (${sources.join(" union all ")}) h)`;
}

function movePart(s: string, { messages, compensates, sizes, versions, actionKeys }: Shape): string {
  const used = "(select count(*) from used where used.run_id = r.id)::int4";
  const rare = `${messages ? `, inbox = r.inbox - ${used}` : ""}${compensates ? ", compensate = l.compensate" : ""}${sizes ? ", bytes = nullif(coalesce(r.bytes, 0) + l.bytes, 0)" : ""}${versions ? ", version = coalesce(nullif(l.new_version, 0), r.version)" : ""}`;
  return `moved as (
  update ${s}.runs r set seq = l.seq + 1, status = l.status, paused = l.paused, cancelled = l.cancelled,
    dead_letters = l.dead_letters, output = coalesce(l.output, r.output)${rare},
    started_at = coalesce(r.started_at, case when l.status <> 'queued' then clock.t end),
    finished_at = case when l.finished then coalesce(r.finished_at, clock.t) end
  from l, ${actionKeys ? "f, " : ""}clock where l.had is not null and r.id = l.id and r.seq = l.seq${orKept(actionKeys)})`;
}

/** Keys of actions are what an entry is refused for after its run was locked. */
function orKept(actionKeys: boolean): string {
  return actionKeys ? " and f.had[l.i] >= 0" : "";
}

/** Each end has a row of its own, so that nobody waits for whoever tells of one. */
function endsPart(s: string, ends: string): string {
  return `ended as (
  insert into ${s}.child_ends (run_id, seq, of_item)
  select ($1::uuid[])[j.i], ($2::int8[])[j.i] + 1, j.of_item from f, ${ends} where f.had[j.i] >= 0)`;
}

function startPart(s: string, { reruns, children, compensates, sizes }: Shape): string {
  const columns =
    (reruns ? ", rerun_of" : "") +
    (children ? ", parent_run, parent" : "") +
    (compensates ? ", compensate" : "") +
    (sizes ? ", bytes" : "");
  const values =
    (reruns ? ", z.rerun_of::uuid" : "") +
    (children ? ", z.parent_run::uuid, z.parent" : "") +
    (compensates ? ", z.compensate" : "") +
    (sizes ? ", nullif(z.bytes, 0)" : "");
  return `started as (
  insert into ${s}.runs (id, seq, created_at, started_at, finished_at, version, dead_letters, paused, cancelled, status,
    workspace, workflow, trigger, labels, input, trigger_payload, output${columns})
  select ($1::uuid[])[z.i], 1, clock.t, case when z.status <> 'queued' then clock.t end,
    case when z.finished then clock.t end, z.version, z.dead_letters, z.paused, z.cancelled, z.status,
    z.workspace, z.workflow, z.trigger, z.labels, z.input, z.trigger_payload, z.output${values}
  from z, f, clock where f.had[z.i] >= 0)`;
}

function nodesPart(name: string, parameters: Parameters, shape: Shape): string {
  return `${name} as materialized (
  select n.*, ($1::uuid[])[n.i] as run_id, ($2::int8[])[n.i] + 1 as seq, f.had[n.i] as had
  from f, ${parameters.unnest("n", nodeColumns(shape))} where f.had[n.i] >= 0)`;
}

const newDue = `case x.due_mode when ${DUE.keep} then t.due_at when ${DUE.from} then clock.t + x.due when ${DUE.at} then x.due end`;

function updatePart(s: string, { wide }: Shape): string {
  const rare = wide
    ? `losses = x.losses, generation = x.generation, waiting_for = x.waiting_for, failure = x.failure,
    possibly_duplicated = x.possibly_duplicated, edited = x.edited, due_at = ${newDue},
    deadline_at = x.deadline_at, put_off_ms = x.put_off_ms, key_fence = nullif(x.key_fence, 0),
    held_lane = x.held_lane, held_for = x.held_for,
    held_at = case when x.held_for is not null then coalesce(t.held_at, clock.t) end,
    error = case when x.error is null then t.error when x.error::text <> 'null' then x.error end,`
    : "losses = 0, generation = 0, waiting_for = null, failure = null, possibly_duplicated = false, edited = null, due_at = null, deadline_at = null, put_off_ms = null, key_fence = null, held_lane = null, held_for = null, held_at = null,";
  return `updated as (
  update ${s}.node_runs t set seq = x.seq, status = x.status, outcome = x.outcome, attempt = x.attempt, fence = x.fence,
    dispatches = x.dispatches, worker = x.worker, ${rare}
    input = coalesce(x.input, t.input), output = coalesce(x.output, t.output),
    ready_at = case when x.status = 'ready'${wide ? " and x.held_for is null" : ""} then coalesce(${wide ? newDue : "null"}, t.ready_at, clock.t) end,
    dispatched_at = case when x.status <> 'queued' then null
      when t.status = 'queued' and t.fence = x.fence and t.dispatches = x.dispatches then t.dispatched_at else clock.t end,
    started_at = case when x.status = 'running' and (t.status <> 'running' or t.fence <> x.fence) then clock.t
      else t.started_at end,
    finished_at = case when x.status not in ${TERMINAL} then null
      when t.status = x.status then t.finished_at else clock.t end
  from x, clock where t.run_id = x.run_id and t.node = x.node and t.item = x.item returning 1)`;
}

function insertPart(s: string, { wide }: Shape): string {
  const due = `case y.due_mode when ${DUE.from} then clock.t + y.due when ${DUE.at} then y.due end`;
  const rareColumns = wide
    ? ", losses, generation, waiting_for, failure, possibly_duplicated, edited, due_at, deadline_at, put_off_ms, key_fence, held_lane, held_for, held_at, error"
    : "";
  const rare = wide
    ? `, y.losses, y.generation, y.waiting_for, y.failure, y.possibly_duplicated, y.edited, ${due},
    y.deadline_at, y.put_off_ms, nullif(y.key_fence, 0), y.held_lane, y.held_for, case when y.held_for is not null then clock.t end, case when y.error::text <> 'null' then y.error end`
    : "";
  return `inserted as (
  insert into ${s}.node_runs (run_id, seq, item, attempt, fence, dispatches, node, status, outcome, worker, input, output,
    ready_at, dispatched_at, started_at, finished_at${rareColumns})
  select y.run_id, y.seq, y.item, y.attempt, y.fence, y.dispatches, y.node, y.status, y.outcome, y.worker, y.input, y.output,
    case when y.status = 'ready'${wide ? " and y.held_for is null" : ""} then ${wide ? `coalesce(${due}, clock.t)` : "clock.t"} end,
    case when y.status = 'queued' then clock.t end,
    case when y.status in ('running', 'succeeded', 'failed') then clock.t end,
    case when y.status in ${TERMINAL} then clock.t end${rare}
  from y, clock)`;
}

function attemptsPart(s: string, parameters: Parameters): string {
  return `attempted as (
  insert into ${s}.attempts (run_id, started_at, finished_at, item, fence, attempt, node, error)
  select ($1::uuid[])[a.i], t.started_at, clock.t, a.item, a.fence, a.attempt, a.node, a.error
  from f, clock, ${parameters.unnest("a", attemptColumns)}
  left join lateral (select t.started_at from ${s}.node_runs t
    where t.run_id = ($1::uuid[])[a.i] and t.node = a.node and t.item = a.item) t on true
  where f.had[a.i] >= 0)`;
}

/** A used message keeps its row without its body: the same id again must be recognised for as long as the run is there. */
function messageParts(s: string, parameters: Parameters): readonly string[] {
  const change = (name: string, set: string, from: string): string => `${name} as (
  update ${s}.run_inbox b set ${set}
  from (select ($1::uuid[])[c.i] as run_id, c.id from f, ${parameters.unnest("c", messageColumns)} where f.had[c.i] >= 0) c
  where b.run_id = c.run_id and b.id = c.id and b.state ${from} returning b.run_id)`;
  return [
    change("used", "state = 'used', body = null", "<> 'used'"),
    change("kept", "state = 'kept'", "= 'new'"),
  ];
}

function blobsPart(s: string, parameters: Parameters): string {
  return insertBlobs(s, {
    runId: "($1::uuid[])[v.i]",
    from: `f, ${blobRows(parameters.skip(3))} where f.had[v.i] >= 0`,
  });
}

/** What both halves do does not meet: a row is deleted where the new list does not have it, and inserted where it is not there. */
function listenParts(s: string, parameters: Parameters, { starts }: Shape): readonly string[] {
  const workspace = starts ? "coalesce(r.workspace, z.workspace)" : "r.workspace";
  return [
    `h as materialized (select ($1::uuid[])[h.i] as run_id, h.i, h.events from f, ${parameters.unnest("h", listenColumns)}
  where f.had[h.i] >= 0)`,
    `deaf as (
  delete from ${s}.event_listeners e using h where e.run_id = h.run_id
    and not exists (select from json_array_elements_text(h.events) w(event) where w.event = e.event))`,
    `listening as (
  insert into ${s}.event_listeners (run_id, workspace, event)
  select h.run_id, ${workspace}, w.event from h cross join lateral json_array_elements_text(h.events) w(event)
  left join ${s}.runs r on r.id = h.run_id${starts ? " left join z on z.i = h.i" : ""} on conflict do nothing)`,
  ];
}

/**
 * A node run that gives up is a dead letter, with the error and the input that it gave up on. One that was redriven and gave up
 * again in the same commit has another fence, and is another dead letter.
 */
function openedParts(s: string, shape: Shape): readonly string[] {
  const insert = `insert into ${s}.dead_letters (run_id, opened_at, item, fence, generation, attempts, node, fingerprint,
    workspace, workflow, error_class, error, input)`;
  const fingerprint = (row: string): string => (shape.letters ? `coalesce(${row}.fingerprint, '')` : "''");
  const columns = (
    row: string,
  ): string => `${row}.run_id, clock.t, ${row}.item, ${row}.fence, ${row}.generation,
    ${row}.attempt, ${row}.node, ${fingerprint(row)}, r.workspace, r.workflow`;
  const parts = [];
  if (shape.updates) {
    parts.push(`opened as (${insert}
  select ${columns("x")}, coalesce(t.error ->> 'class', ''), t.error, t.input
  from clock, x cross join lateral (select coalesce(x.error, t.error) as error, coalesce(x.input, t.input) as input, t.failure,
    t.fence from ${s}.node_runs t where t.run_id = x.run_id and t.node = x.node and t.item = x.item) t
  join ${s}.runs r on r.id = x.run_id
  where x.failure = 'open' and (t.failure is distinct from 'open' or t.fence <> x.fence))`);
  }
  if (shape.inserts) {
    const started = shape.starts ? ` union all select z.workspace, z.workflow from z where z.i = y.i` : "";
    parts.push(`opened_new as (${insert}
  select ${columns("y")}, coalesce(y.error ->> 'class', ''), y.error, y.input
  from clock, y cross join lateral (select r.workspace, r.workflow from ${s}.runs r where r.id = y.run_id${started}) r
  where y.failure = 'open')`);
  }
  return parts;
}

function resolvedPart(s: string, { wide, letters }: Shape): string {
  const resolution = wide
    ? "case when x.failure in ('discarded', 'compensated') then x.failure when x.status = 'succeeded' then 'completed' else 'redriven' end"
    : "case when x.status = 'succeeded' then 'completed' else 'redriven' end";
  const who = letters ? ", resolution_id = x.resolution_id, resolved_by = x.resolved_by" : "";
  const over = wide ? "and (x.failure is distinct from 'open' or x.fence <> d.fence) " : "";
  return `resolved as (
  update ${s}.dead_letters d set resolved_at = clock.t, resolution = ${resolution}${who}
  from x, clock where x.had > 0 ${over}and d.run_id = x.run_id
    and d.node = x.node and d.item = x.item and d.resolved_at is null)`;
}

function claimsPart(s: string, { updates, inserts }: Shape): string {
  const of = (row: string): string =>
    `select run_id, worker from ${row} where status = 'running' and worker is not null`;
  const sources = [...(updates ? [of("x")] : []), ...(inserts ? [of("y")] : [])];
  return `claimed as (
  insert into ${s}.run_workers (run_id, worker) ${sources.join(" union all ")} on conflict do nothing)`;
}

function restsPart(s: string, { actionKeys }: Shape): string {
  return `rested as (
  delete from ${s}.run_workers w using l${actionKeys ? ", f" : ""}
  where l.had is not null and (l.finished or l.status = 'waiting') and w.run_id = l.id${orKept(actionKeys)})`;
}

/**
 * One row: `refused`, as `<place><letter>` with commas, or null. A node row that should be there and is not would be a write
 * lost in silence: the division by zero undoes the whole statement.
 */
function verdictPart(s: string, { moves, starts, keys, updates, actionKeys, gates }: Shape): string {
  const sources = [];
  const letter = (i: string): string =>
    `case f.had[${i}] when ${REFUSED.locked} then 'l' when ${REFUSED.taken} then 't' when ${REFUSED.contended} then 'c' when ${REFUSED.full} then 'f' else 'm' end`;
  if (moves) {
    sources.push(`select l.i || case when r.id is null then 'g' when r.seq <> l.seq then 'm' else 'l' end as v
    from l left join ${s}.runs r on r.id = l.id where l.had is null`);
  }
  if (moves && actionKeys)
    sources.push(`select l.i || ${letter("l.i")} as v from l, f where l.had is not null and f.had[l.i] < 0`);
  if (starts)
    sources.push(
      `select z.i || ${keys || actionKeys || gates ? letter("z.i") : "'m'"} as v from z, f where f.had[z.i] < 0`,
    );
  const check = updates
    ? `, 1 / (case when (select count(*) from updated) = (select count(*) from x) then 1 else 0 end) as checked`
    : "";
  return `select (select string_agg(v, ',') from (${sources.join(" union all ")}) v) as refused${check}`;
}
