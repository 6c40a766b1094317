/** What attempts of nodes and of items of maps have in common: pauses, and errors that say more than one attempt. */
import type { ErrorRecord } from "./event.ts";

/** So many leases lost in a row, and the node is held to kill its workers. */
const POISON_LOSSES = 3;
const IMMEDIATE_MIN_MS = 100;
const IMMEDIATE_SPREAD_MS = 900;
const BACKOFF_JITTER = 0.1;

/** Before an attempt that is made at once. */
export function immediateMs(random: number): number {
  return IMMEDIATE_MIN_MS + Math.floor(IMMEDIATE_SPREAD_MS * random);
}

/** Before a later attempt: the pause of the policy, and up to a tenth of it more. */
export function backoffMs(pause: number, random: number): number {
  return Math.round(pause * (1 + BACKOFF_JITTER * random));
}

export function isPoison(losses: number): boolean {
  return losses >= POISON_LOSSES;
}

export function poison(error: ErrorRecord, losses: number): ErrorRecord {
  return {
    ...error,
    class: "poison",
    message: `${losses} workers in a row were lost while they ran this node. ${error.message}`,
  };
}

export function outcomeUnknown(error: ErrorRecord): ErrorRecord {
  return error.class === "outcome_unknown"
    ? error
    : { ...error, class: "outcome_unknown", cause: error.class };
}
