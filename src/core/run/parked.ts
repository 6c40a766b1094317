/**
 * A node that a breaker keeps from beginning, or whose attempt told nothing but what the breaker knows: it is `ready`, and nobody is told of it
 * before its time, or before the breaker lets it go on. No attempt is counted.
 */
import type { Draft } from "./draft.ts";
import { isLate } from "./bounds.ts";
import type { ErrorRecord, Event } from "./event.ts";
import { tooLate } from "./settle.ts";
import type { NodeState } from "./state.ts";

/** Before it has begun. */
export function parked(draft: Draft, event: Event<"parked">): void {
  const { status, fence, dueAt: due } = draft.node(event.node);
  if ((status !== "ready" && status !== "queued") || fence !== event.fence || draft.paused) return;
  if (isLate(draft, event.node)) return tooLate(draft, event.node, null);
  const next = dueAt(draft, event.delayMs);
  if (status === "queued" || due !== next) draft.edit(event.node, { status: "ready", dueAt: next });
}

/** After an attempt, which is on record and does not count. */
export function parkAfter(
  draft: Draft,
  node: NodeState,
  {
    index,
    error,
    delayMs,
  }: { readonly index: number; readonly error: ErrorRecord; readonly delayMs: number },
): void {
  if (isLate(draft, index)) return tooLate(draft, index, error);
  draft.edit(index, {
    status: "ready",
    fence: node.fence + 1,
    attempt: node.attempt - 1,
    losses: 0,
    dispatches: 0,
    worker: null,
    waitingFor: null,
    dueAt: dueAt(draft, delayMs),
  });
}

function dueAt(draft: Draft, delayMs: number): number {
  return Math.ceil(draft.now) + Math.ceil(delayMs);
}
