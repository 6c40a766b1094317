/**
 * What a commit says of its run to the workspace: events of the engine's own, which are stored with it where somebody listens. Their ids
 * are made of the run and its `seq`, or of the node run that gave up, so each is there once.
 */
import { alertEvent, alertOf } from "../core/alert/alert.ts";
import type { OwnEvent } from "../core/definition/own-events.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { Announcement } from "../core/ports/commit.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import { isUnresolved } from "../core/run/state.ts";
import type { EntryParts } from "./entry-parts.ts";
import type { Started } from "./gate.ts";
import { isResting } from "./resting.ts";

const MAX_MESSAGE = 2_000;
const MOST_NAMES = 50;

export function announcementsOf(parts: EntryParts): readonly Announcement[] {
  const letters = parts.advance.changed.filter((index) => givesUp(parts, index));
  const rests = comesToRest(parts);
  if (letters.length === 0 && !rests) return [];
  const common = { workspace: parts.started.workspace, chain: chainOfRun(parts.started) };
  const events = letters.flatMap((index) => withAlert(parts, { ...common, ...letterOf(parts, index) }));
  return rests ? [...events, { ...common, ...endOf(parts) }] : events;
}

/** Workflows whose runs lead to what this run starts or says, the oldest first: those that led to it, and its own. */
export function chainOfRun({ trigger, workflow }: Pick<Started, "trigger" | "workflow">): readonly string[] {
  const { chain } = (trigger ?? {}) as { readonly chain?: Json };
  const before = Array.isArray(chain) ? chain.filter((name) => typeof name === "string") : [];
  return [...new Set([...before, workflow])].slice(-MOST_NAMES);
}

function comesToRest({ advance, before, start }: EntryParts): boolean {
  const { status } = advance.state;
  return isResting(status) && (start !== null || status !== before.status);
}

/** A dead letter is opened; of a map, when it ends with items that are ones. */
function givesUp({ advance, before }: EntryParts, index: number): boolean {
  const [state, old] = [advance.state.nodes[index]!, before.nodes[index]];
  return isUnresolved(state) && !(old && isUnresolved(old) && old.fence === state.fence);
}

function letterOf(parts: EntryParts, index: number): Pick<Announcement, "id" | "name" | "payload"> {
  const { runId, advance, plan } = parts;
  const { id: node } = plan.nodes[index]!;
  return {
    id: `flowforge.dead_letter/${runId}/${node}/${advance.state.nodes[index]!.fence}`,
    name: "flowforge.dead_letter" satisfies OwnEvent,
    payload: { ...about(parts), node, error: errorOf(parts, index) },
  };
}

/** A letter, and that somebody should look at it. */
function withAlert({ runId, started }: EntryParts, letter: Announcement): readonly Announcement[] {
  const { node, error } = letter.payload as { readonly node: string; readonly error: Json };
  const { workspace, workflow } = started;
  const facts = { what: "dead_letter", workspace, workflow, runId, node, details: { error } } as const;
  return [letter, alertEvent(alertOf(facts), letter)];
}

function endOf(parts: EntryParts): Pick<Announcement, "id" | "name" | "payload"> {
  const { runId, seq, advance, plan } = parts;
  const { status, nodes } = advance.state;
  const failed = nodes.findIndex(isUnresolved);
  const first = failed < 0 ? null : { node: plan.nodes[failed]!.id, ...errorOf(parts, failed) };
  return {
    id: `flowforge.run/${runId}/${seq + 1}`,
    name: `flowforge.run.${status}`,
    payload: { ...about(parts), status, error: first },
  };
}

function about({ runId, started, about: { version, labels } }: EntryParts): JsonObject {
  return { runId, workflow: started.workflow, version, labels: { ...labels } };
}

function errorOf({ turn, plan, about: { errors } }: EntryParts, index: number): ErrorRecord | null {
  const error = turn.values.get(index)?.error ?? errors.get(plan.nodes[index]!.id);
  if (typeof error !== "object" || error === null) return null;
  const { class: of, message } = error as ErrorRecord;
  return { class: of, message: String(message).slice(0, MAX_MESSAGE) };
}
