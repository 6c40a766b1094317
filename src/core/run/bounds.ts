/**
 * How long a node is tried: until its deadline, and as long as others may put it off. Both begin anew with a redrive.
 *
 * A pause that would not end before the deadline is not begun: the node gives up at once. While a run is paused nothing is late;
 * what fell due meanwhile is when the run is resumed.
 */
import type { Draft } from "./draft.ts";
import type { ErrorRecord } from "./event.ts";

/** All the pauses together that `Retry-After` and `RetryableError({ after })` asked for. */
const MAX_PUT_OFF_MS = 24 * 60 * 60 * 1_000;

/** After so long it is looked whether a child was started, and whether it was told to stop. */
export const LOOK_MS = 10_000;

/** Until when a node that starts now may be tried. */
export function deadlineOf(draft: Draft, index: number): number | null {
  const node = draft.planned(index);
  return node.kind === "action" && node.deadlineMs !== null ? Math.ceil(draft.now) + node.deadlineMs : null;
}

/** The node's deadline has passed, or will have after this long. */
export function isLate(draft: Draft, index: number, inMs = 0): boolean {
  const { deadlineAt } = draft.node(index);
  return deadlineAt !== null && draft.now + inMs >= deadlineAt;
}

/** `last`: why its last attempt failed; `null`: not known, or there was none. */
export function deadlineExceeded(draft: Draft, index: number, last: ErrorRecord | null): ErrorRecord {
  const message = `The node "${draft.planned(index).id}" did not succeed before its deadline.`;
  return last === null
    ? { class: "deadline_exceeded", message }
    : { ...last, class: "deadline_exceeded", cause: last.class, message: `${message} ${last.message}` };
}

export function mayPutOff(draft: Draft, index: number, byMs: number): boolean {
  return !isPutOffTooLong(draft.node(index).putOffMs + byMs);
}

/** All the pauses together that others asked for are longer than anybody should wait. */
export function isPutOffTooLong(ms: number): boolean {
  return ms > MAX_PUT_OFF_MS;
}

export function putOffTooLong(error: ErrorRecord): ErrorRecord {
  const message = `The node was put off for more than 24 hours in all. ${error.message}`;
  return { ...error, class: "put_off_too_long", cause: error.class, message };
}
