/** Signals and events: whom they wake, and what becomes of those that wake nobody. */
import type { PlanWait } from "../graph/plan.ts";
import type { Draft } from "./draft.ts";
import type { RunEvent } from "./event.ts";
import { asksFor, drop, keep } from "./kept.ts";
import { decided, settle } from "./settle.ts";
import type { KeptMessage } from "./state.ts";

type MessageEvent = Extract<RunEvent, { type: "signalled" | "eventReceived" }>;

/** While the run is paused a message wakes nobody: it is kept, and delivered at `resumed`. */
export function receive(draft: Draft, event: MessageEvent): void {
  if (draft.cancelled || draft.compensate || draft.kept.some((kept) => kept.id === event.id)) return;
  const { id, name, payload, receivedAt } = event;
  const message: KeptMessage = {
    id,
    kind: event.type === "signalled" ? "signal" : "event",
    name,
    payload,
    receivedAt,
  };
  if (draft.paused || !deliver(draft, message)) keep(draft, message);
}

/** Delivers what was kept during a pause, in the order of arrival. */
export function deliverKept(draft: Draft): void {
  for (const message of draft.kept) {
    // A wait that was entered on the way may have taken it already.
    if (!draft.kept.includes(message) || !deliver(draft, message)) continue;
    // Before anything follows from it: a wait that is entered now must not find it once more.
    drop(draft, message);
    settle(draft);
  }
}

/** A signal wakes the first wait that asks for it, in plan order; an event wakes every one. `false`: nobody. */
function deliver(draft: Draft, message: KeptMessage): boolean {
  const asking = draft.plan.nodes.filter(
    (node): node is PlanWait =>
      node.kind === "wait" && isAwake(draft, node, message) && asksFor(draft, node, message),
  );
  const woken = message.kind === "signal" ? asking.slice(0, 1) : asking;
  for (const { index } of woken) decided(draft, index, { outcome: "received", output: message.payload });
  return woken.length > 0;
}

/** A timeout that fell due before the message came wins, even if nobody has told the run of it yet. */
function isAwake(draft: Draft, node: PlanWait, message: KeptMessage): boolean {
  const { status, dueAt } = draft.node(node.index);
  return status === "waiting" && (dueAt === null || message.receivedAt <= dueAt);
}
