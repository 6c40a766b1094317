/**
 * What the values of a run come to in all, and the refusal of one for which there is no room.
 *
 * What a commit adds is counted only where it is large: the counter stands behind the run's input, which WAL would otherwise hold
 * again with every step. What is left out is bounded by the number of nodes.
 */
import type { NewRun } from "../core/ports/commit.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import { type Limits, sizeOf } from "../core/values.ts";

/** What a commit or a message adds is not counted below this. */
export const COUNTED_FROM_BYTES = 1_024;

/** What is counted of so many bytes. */
export function counted(bytes: number): number {
  return bytes < COUNTED_FROM_BYTES ? 0 : bytes;
}

/** Of what a run is started with: its input, and what stands around it in the payload of its trigger. */
export function startBytes({ input, triggerPayload }: Pick<NewRun, "input" | "triggerPayload">): number {
  const bytes = sizeOf(input);
  if (triggerPayload === input) return bytes;
  const isAround =
    typeof triggerPayload === "object" && triggerPayload !== null && "payload" in triggerPayload;
  if (!isAround || triggerPayload["payload"] !== input) return bytes + sizeOf(triggerPayload);
  return bytes + sizeOf({ ...triggerPayload, payload: null });
}

/** A value that is to be written, and what the run has without it. */
export interface Adding {
  /** `the output of node "a"`. */
  readonly what: string;
  readonly bytes: number;
  readonly used: number;
}

/** `null`: there is room. */
export function noRoom(
  { what, bytes, used }: Adding,
  { runBytes }: Pick<Limits, "runBytes">,
): ErrorRecord | null {
  if (used + bytes <= runBytes) return null;
  const message =
    `There is no room for ${what}: it has ${bytes} bytes, and the values of this run have ${used} of at most ${runBytes}. ` +
    "Keep large data elsewhere and pass on where it is, or raise limits.runBytes.";
  return { class: "run_too_large", message };
}
