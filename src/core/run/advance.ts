/**
 * The reducer: everything that is ever decided about a run is decided here.
 *
 *   event -> advance(plan, state, event, now) -> next state + commands for the shell
 *
 * Pure and total. Time and randomness come with the event; nothing is read from outside; nothing throws, not even an
 * expression. An event that no longer applies (another fence, a node that has ended, a run that is over) gives the same state
 * object and no command. The caller's state is never changed.
 *
 * Invariants, held by property tests against an independent model:
 * - no node starts before its inbound edges are settled, and none starts twice without a redrive;
 * - a node that ended stays as it is, but for an open failure, which is resolved at most once;
 * - two branches that end in either order give the same state;
 * - the same events give the same state, one by one or through one draft;
 * - when nothing is ready, running or waiting, the run is at rest: nothing is left hanging.
 *
 * Draft: the changeable copy (`draft.ts`). Events come in here and are told apart; `attempts.ts`, `messages.ts` and
 * `operators.ts` say what they mean for one node; `settle.ts` carries that along the edges; `status.ts` concludes.
 */
import * as attempts from "./attempts.ts";
import * as children from "./children.ts";
import type { Command } from "./command.ts";
import { type Advance, Draft } from "./draft.ts";
import type { Event, RunEvent } from "./event.ts";
import { setDeadline } from "./expiry.ts";
import * as maps from "./maps.ts";
import { receive } from "./messages.ts";
import * as operators from "./operators.ts";
import { parked } from "./parked.ts";
import { isCompensation, type Plan } from "../graph/plan.ts";
import { settle, skip, succeed, waitForRoom } from "./settle.ts";
import type { RunState } from "./state.ts";
import { conclude } from "./status.ts";

export { newRun, patchRun, restoreRun, type StoredState } from "./restore.ts";
export { type Advance, Draft } from "./draft.ts";

const NO_COMMANDS: readonly Command[] = [];

/** What the run is after the event, and what the shell must do. `now`: milliseconds since 1970 by the store's clock. */
// The event comes from outside with the time that it is handled at: four things, each of its own kind.
// oxlint-disable-next-line max-params
export function advance(plan: Plan, state: RunState, event: RunEvent, now: number): Advance {
  const draft = new Draft(plan, state);
  apply(draft, event, now);
  return draft.close();
}

/** Several events in one go: open, `apply` one after the other, close. The state that comes out is that of one by one. */
export function openDraft(plan: Plan, state: RunState): Draft {
  return new Draft(plan, state);
}

/** Applies one event and returns the commands that it gave. */
export function apply(draft: Draft, event: RunEvent, now: number): readonly Command[] {
  const before = draft.commands.length;
  if (!concerns(draft, event)) return NO_COMMANDS;
  draft.now = now;
  handle(draft, event);
  settle(draft);
  conclude(draft);
  return draft.commands.length === before ? NO_COMMANDS : draft.commands.slice(before);
}

/** The state after all events, every command in order, and the nodes that differ from the state at the beginning. */
export function closeDraft(draft: Draft): Advance {
  return draft.close();
}

/** The run takes part in this event at all. */
function concerns(draft: Draft, event: RunEvent): boolean {
  if (draft.status === "succeeded") return false;
  if (event.type === "started")
    return draft.trigger === null && draft.plan.nodes[event.trigger]?.kind === "trigger";
  if (draft.trigger === null) return false;
  return !("node" in event) || draft.plan.nodes[event.node] !== undefined;
}

function handle(draft: Draft, event: RunEvent): void {
  switch (event.type) {
    case "started":
      return started(draft, event);
    case "enqueued":
      return attempts.enqueued(draft, event);
    case "requeued":
      return attempts.requeued(draft, event);
    case "claimed":
      return attempts.claimed(draft, event);
    case "keyHeld":
      return attempts.keyHeld(draft, event);
    case "givenBack":
      return attempts.givenBack(draft, event);
    case "parked":
      return parked(draft, event);
    case "released":
      return attempts.released(draft, event);
    case "leaseLost":
      return attempts.leaseLost(draft, event);
    case "succeeded":
      return attempts.succeeded(draft, event);
    case "failed":
      return attempts.failed(draft, event);
    case "timerFired":
      return attempts.timerFired(draft, event);
    case "signalled":
    case "eventReceived":
      return receive(draft, event);
    case "cancelled":
      return operators.cancelled(draft, event);
    case "paused":
      return operators.paused(draft);
    case "resumed":
      return operators.resumed(draft);
    case "admitted":
      return admitted(draft);
    case "mapStarted":
      return maps.mapStarted(draft, event);
    case "mapEnded":
      return maps.mapEnded(draft, event);
    case "childOpened":
      return children.childOpened(draft, event);
    case "childSeen":
      return children.childSeen(draft, event);
    case "childEnded":
      return children.childEnded(draft, event);
    case "redriven":
    case "completed":
    case "discarded":
      return resolve(draft, event);
  }
}

function resolve(draft: Draft, event: Event<"redriven" | "completed" | "discarded">): void {
  if (event.item !== undefined) return maps.itemResolved(draft, event);
  switch (event.type) {
    case "redriven":
      return operators.redriven(draft, event);
    case "completed":
      return operators.completed(draft, event);
    case "discarded":
      return operators.discarded(draft, event);
  }
}

/**
 * One trigger fires; the others, and what cannot be reached at all, are skipped. A trigger that fires later waits until then
 * as a timer does, or for room, and holds up everything behind it; the run has not begun.
 */
function started(draft: Draft, event: Event<"started">): void {
  const { trigger } = event;
  draft.trigger = trigger;
  setDeadline(draft, event);
  for (const node of draft.plan.nodes) {
    const { index, kind, inbound } = node;
    if (index === trigger) putOffOrFire(draft, trigger, event);
    else if (kind !== "output" && inbound.length === 0 && !isCompensation(node)) skip(draft, index);
  }
}

function putOffOrFire(draft: Draft, trigger: number, { at = 0, waitsForRoom }: Event<"started">): void {
  const delayMs = at - Math.ceil(draft.now);
  if (delayMs > 0) {
    draft.edit(trigger, { status: "waiting", waitingFor: "timer", dueAt: at });
    draft.command({ type: "schedule", node: trigger, delayMs });
  } else if (waitsForRoom) {
    waitForRoom(draft, trigger);
  } else {
    succeed(draft, trigger, "fired");
  }
}

/** Room is made in the order of the starts, so it is taken also by a run that is paused. */
function admitted(draft: Draft): void {
  const trigger = draft.trigger!;
  if (draft.node(trigger).status === "waiting") succeed(draft, trigger, "fired");
}
