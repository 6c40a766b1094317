/**
 * Messages that came before anything waited for them, and which wait a message is for.
 *
 * A signal is kept until a wait asks for it. An event is kept only while the run may still enter a wait for its name, and only
 * if it woke nobody when it came. Whatever is kept is used up by the first wait that takes it, in the order of arrival.
 */
import type { PlanWait } from "../graph/plan.ts";
import { eventMatches } from "./decide.ts";
import type { Draft } from "./draft.ts";
import type { KeptMessage } from "./state.ts";

/** More early events than this are not kept, so that a busy event cannot fill a run that is not ready for it. */
export const MAX_KEPT_EVENTS = 1_000;

export function isTimer(node: PlanWait): boolean {
  return node.for.type === "duration" || node.for.type === "until";
}

/** Takes the earliest kept message that the wait asks for out of the run. */
export function takeKept(draft: Draft, node: PlanWait): KeptMessage | null {
  const message = draft.kept.find((kept) => asksFor(draft, node, kept));
  if (!message) return null;
  drop(draft, message);
  return message;
}

export function drop(draft: Draft, message: KeptMessage): void {
  draft.kept = draft.kept.filter((kept) => kept !== message);
  draft.command({ type: "dropMessage", id: message.id });
}

/** Keeps a message that woke nobody, if it may still have a meaning. */
export function keep(draft: Draft, message: KeptMessage): void {
  if (message.kind === "event" && !isEventKept(draft, message.name)) return;
  draft.kept = [...draft.kept, message];
  draft.command({ type: "keepMessage", id: message.id });
}

export function asksFor(draft: Draft, node: PlanWait, message: KeptMessage): boolean {
  const wait = node.for;
  if (wait.type !== message.kind || wait.name !== message.name) return false;
  return (
    wait.type === "signal" ||
    eventMatches(draft, wait.match, { name: message.name, payload: message.payload })
  );
}

function isEventKept(draft: Draft, name: string): boolean {
  if (draft.kept.filter((kept) => kept.kind === "event").length >= MAX_KEPT_EVENTS) return false;
  return draft.plan.nodes.some((node) => {
    if (node.kind !== "wait" || node.for.type !== "event" || node.for.name !== name) return false;
    const { status, failure } = draft.node(node.index);
    return status === "pending" || failure === "open" || (draft.paused && status === "waiting");
  });
}
