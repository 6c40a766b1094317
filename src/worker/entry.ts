/** Turns the result of a turn into what the store writes. */
import type { Plan } from "../core/graph/plan.ts";
import type { CommitEntry, NodeWrite } from "../core/ports/commit.ts";
import type { LineRef } from "../core/ports/held.ts";
import type { Advance } from "../core/run/advance.ts";
import { fingerprintOf } from "../core/run/fingerprint.ts";
import { isUnresolved, type RunState } from "../core/run/state.ts";
import { announcementsOf } from "./announcements.ts";
import type { EntryParts } from "./entry-parts.ts";
import { mapWrites } from "./maps/map-writes.ts";
import { gateWrite } from "./gate.ts";
import { isResting } from "./resting.ts";
import { counted } from "./run-size.ts";
import type { Turn } from "./turn.ts";

/** The turn has nothing to write. */
export function isEmpty(
  turn: Turn,
  advance: Advance,
  loaded: { readonly seq: number; readonly state: RunState },
): boolean {
  if (turn.consumed.length > 0 || turn.kept.length > 0 || advance.changed.length > 0) return false;
  if (turn.held.size > 0) return false;
  return loaded.seq > 0 && advance.state === loaded.state;
}

export function buildEntry(parts: EntryParts): CommitEntry {
  const { turn, advance } = parts;
  const { state } = advance;
  const listens = listensTo(parts);
  const gate = gateWrite(parts.plan, { before: parts.before, after: state }, parts.started);
  const bytes = counted(parts.startBytes + turn.added);
  const announces = announcementsOf(parts);
  let deadLetters = 0;
  for (const node of state.nodes) if (isUnresolved(node)) deadLetters++;
  return {
    runId: parts.runId,
    seq: parts.seq,
    ...(parts.start ? { start: parts.start } : {}),
    ...(parts.version === null ? {} : { version: parts.version }),
    status: state.status,
    paused: state.paused,
    cancelled: state.cancelled,
    compensate: state.compensate,
    deadLetters,
    finished: isResting(state.status),
    ...(endsChild(parts) ? { endsChild: parts.parent?.item === undefined ? "node" : "item" } : {}),
    ...(turn.output === undefined ? {} : { output: turn.output }),
    ...(bytes > 0 ? { bytes } : {}),
    nodes: writtenNodes(parts).map((index) => nodeWrite(parts, index)),
    attempts: turn.attempts,
    consumed: turn.consumed,
    kept: turn.kept,
    ...(listens ? { listens } : {}),
    ...mapWrites(parts),
    ...(turn.actionKeys.length > 0 ? { actionKeys: turn.actionKeys } : {}),
    ...(announces.length > 0 ? { announces } : {}),
    ...(gate ? { gate } : {}),
  };
}

/** Whoever started it is to be told. */
function endsChild({ parent, advance, before, start }: EntryParts): boolean {
  const { status } = advance.state;
  return parent !== null && isResting(status) && (start !== null || status !== before.status);
}

const EVENTS = new WeakMap<Plan, readonly string[]>();

/** The events that a run of this plan may wait for. */
function eventsOf(plan: Plan): readonly string[] {
  let events = EVENTS.get(plan);
  if (!events) {
    const waits = plan.nodes.flatMap((node) => (node.kind === "wait" ? [node.for] : []));
    events = [...new Set(waits.flatMap((wait) => (wait.type === "event" ? [wait.name] : [])))];
    EVENTS.set(plan, events);
  }
  return events;
}

/** A run listens from its start until it rests, and again when it goes on, or has another version. `undefined`: as before. */
function listensTo({ plan, start, version, advance, before }: EntryParts): readonly string[] | undefined {
  const events = eventsOf(plan);
  const rests = isResting(advance.state.status);
  if (version !== null) return rests ? [] : events;
  if (events.length === 0 || rests === (start ? true : isResting(before.status))) return undefined;
  return rests ? [] : events;
}

/** The changed nodes that have a row, or need one, and those that go into their line. */
function writtenNodes({ plan, advance, rows, turn }: EntryParts): readonly number[] {
  const isWritten = (index: number): boolean => rows.has(index) || needsRow(plan, advance.state, index);
  const changed = advance.changed.filter(isWritten);
  if (turn.held.size === 0) return changed;
  return [...new Set([...changed, ...turn.held])];
}

/** `null`: it stands in no line. */
function lineOf({ plan, turn, advance, started }: EntryParts, index: number): LineRef | null {
  const node = plan.nodes[index]!;
  const isHeld = turn.held.has(index) && advance.state.nodes[index]!.status === "ready";
  return isHeld && node.kind === "action" ? { lane: node.lane, workspace: started.workspace } : null;
}

/** Triggers follow from the run's own row, unless they fire later; and so does `$output`, unless it failed once or has a deadline. */
export function needsRow(plan: Plan, { nodes }: RunState, index: number): boolean {
  const { kind } = plan.nodes[index]!;
  const { status, deadlineAt } = nodes[index]!;
  if (kind === "trigger") return status === "waiting";
  return kind !== "output" || status === "failed" || deadlineAt !== null;
}

function nodeWrite(parts: EntryParts, index: number): NodeWrite {
  const { plan, turn, advance, rows } = parts;
  const state = advance.state.nodes[index]!;
  const isNew = !rows.has(index);
  const heldIn = lineOf(parts, index);
  return {
    node: plan.nodes[index]!.id,
    item: -1,
    isNew,
    status: state.status,
    outcome: state.outcome,
    attempt: state.attempt,
    fence: state.fence,
    losses: state.losses,
    generation: state.generation,
    dispatches: state.dispatches,
    worker: state.worker,
    waitingFor: state.waitingFor,
    failure: state.failure,
    deadlineAt: state.deadlineAt,
    putOffMs: state.putOffMs,
    keyFence: state.keyFence,
    possiblyDuplicated: parts.duplicated.has(index) || turn.duplicated.has(index),
    ...(heldIn ? { heldIn, due: null } : { due: dueOf(parts, index, isNew) }),
    ...turn.values.get(index),
    ...editOf(parts, index),
    ...letterOf(parts, index),
  };
}

function editOf({ turn, edits }: EntryParts, index: number): Pick<NodeWrite, "edited"> {
  const edit = turn.edits.get(index) ?? edits.get(index);
  return edit ? { edited: edit.edited } : {};
}

/** What is said of the dead letters that this write opens and resolves. */
function letterOf({ plan, turn }: EntryParts, index: number): Pick<NodeWrite, "fingerprint" | "resolution"> {
  const opened = turn.deadLetters.findLast(({ node }) => node === index);
  const resolution = turn.resolutions.get(index);
  return {
    ...(opened ? { fingerprint: fingerprintOf(plan.nodes[index]!.id, opened.error) } : {}),
    ...(resolution ? { resolution } : {}),
  };
}

function dueOf({ plan, turn, advance }: EntryParts, index: number, isNew: boolean): NodeWrite["due"] {
  const { status, dueAt } = advance.state.nodes[index]!;
  const holds = status === "waiting" || (status === "ready" && dueAt !== null);
  if (!holds) return null;
  // Somebody named this time: what passes until the commit does not add to it.
  if (plan.nodes[index]!.kind === "trigger") return dueAt === null ? null : { at: dueAt };
  const due = turn.due.get(index);
  if (due !== undefined) return due;
  return isNew ? null : "keep";
}
