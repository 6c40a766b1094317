/** The size of messages that bring values to a run, and the error where there is no room for one. */
import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { InboxMessage } from "../core/ports/message.ts";
import { type Limits, sizeOf } from "../core/values.ts";
import { counted } from "../worker/run-size.ts";

type Sized = Pick<InboxMessage, "size">;

/** Small values are not counted, and always have room. */
export function messageSize(value: Json | undefined, { runBytes: limit }: Pick<Limits, "runBytes">): Sized {
  const bytes = value === undefined ? 0 : counted(sizeOf(value));
  return bytes === 0 ? {} : { size: { bytes, limit } };
}

/** `used`: what the values of the run have; `null`: nobody knows. */
export function runTooLarge(
  { runId, size }: Pick<InboxMessage, "runId" | "size">,
  subject: string,
  used: number | null,
): FlowForgeError {
  const { bytes, limit } = size!;
  const known = used === null ? "" : `, and the values of the run have ${used}`;
  return new FlowForgeError("run_too_large", {
    subject: `${subject} for run ${runId}`,
    expected: `room in the run: its values may have ${limit} bytes (limits.runBytes)`,
    received: `${bytes} bytes${known}`,
    next: "Nothing was sent. Keep large data elsewhere and send where it is, or raise limits.runBytes.",
  });
}
