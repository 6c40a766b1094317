/** Calls that are not made, or not gone on with. */
import { type ErrorCode, FlowForgeError, type FlowForgeErrorDetails } from "../../core/errors.ts";
import { PermanentError } from "../../core/run/failures.ts";

type OutboundCode = Extract<ErrorCode, `outbound_${string}`>;

/** Thrown inside an action it ends the attempt for good: another one would be refused too. Its cause has the code. */
export function refusal(code: OutboundCode, details: FlowForgeErrorDetails): PermanentError {
  const cause = new FlowForgeError(code, details);
  return new PermanentError(cause.message, { cause });
}

/** Names a URL without what may be secret in it: user name, password, query. */
export function nameOf({ origin, pathname }: URL): string {
  return `the call of ${origin}${pathname}`;
}
