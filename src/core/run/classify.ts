/**
 * What a failed attempt means: is it tried again, and may its effect have happened?
 *
 * Four questions, in this order. Did the thrower say (`PermanentError`, `RetryableError`, `NotYet`)? Does the action say, by its
 * `classify`? Did a definite answer come back (then its status or code decides, in every effect class)? If not, the outcome is
 * unknown, and the action's effect class decides. Never throws, whatever was thrown.
 *
 * An error that says nothing of all that (a plain `Error`, a library's own code) is tried again, as most of them are thrown before
 * anything was sent. Only `atMostOnce` promises more, and takes it for an unknown outcome.
 */
import type { EffectKind, FailureMeaning } from "../definition/action.ts";
import type { ErrorRecord, FailureVerdict } from "./event.ts";
import { describe, type FailureFacts } from "./failure-facts.ts";

export interface ClassifiedFailure {
  readonly verdict: FailureVerdict;
  readonly error: ErrorRecord;
  /** The effect may happen twice: the outcome is unknown, and the action declares no effect class. `possiblyDuplicated`. */
  readonly unknown: boolean;
}

/** `unclear`: the error says nothing that can be relied on. */
type Meaning = FailureMeaning | "notYet" | "unclear";

export interface FailureContext {
  /** Milliseconds since 1970, for dates in `Retry-After`. */
  readonly now?: number;
  /** What the action's own `classify` said. */
  readonly said?: FailureMeaning;
}

/** No answer puts a node off for longer than this. */
const MAX_AFTER_MS = 24 * 60 * 60 * 1_000;

/**
 * `error` is whatever was thrown, or a plain description: `{ name, message, code?, status?, sqlState?, retryAfterMs?,
 * timedOut?, sentRequest? }`. `effect`: the action's class, `null` where it declares none.
 */
export function classifyFailure(
  error: unknown,
  effect: EffectKind | null,
  { now, said }: FailureContext = {},
): ClassifiedFailure {
  const facts = describe(error, now);
  const { verdict, unknown } = decide(facts, facts.mark ?? said ?? meaningOf(facts), effect);
  return { verdict, error: recordOf(facts, verdict), unknown };
}

/** The thrower has said what it means. */
export function isMarked(error: unknown): boolean {
  return describe(error).mark !== null;
}

function decide(
  { afterMs }: FailureFacts,
  meaning: Meaning,
  effect: EffectKind | null,
): Pick<ClassifiedFailure, "verdict" | "unknown"> {
  if (meaning === "permanent") return { verdict: { type: "permanent" }, unknown: false };
  // It always says when.
  if (meaning === "notYet")
    return { verdict: { type: "notYet", afterMs: afterMs as number }, unknown: false };
  if (meaning !== "retry" && effect === "atMostOnce")
    return { verdict: { type: "outcomeUnknown" }, unknown: false };
  const verdict: FailureVerdict =
    afterMs === null ? { type: "retry" } : { type: "later", afterMs: Math.min(afterMs, MAX_AFTER_MS) };
  return { verdict, unknown: meaning === "unknown" && effect === null };
}

function meaningOf(facts: FailureFacts): Meaning {
  if (facts.status !== null) return statusMeaning(facts.status);
  if (facts.sqlState !== null) return sqlStateMeaning(facts.sqlState);
  if (facts.sentRequest === false) return "retry";
  if (facts.timedOut) return "unknown";
  if (facts.code !== null && UNKNOWN_CODES.has(facts.code)) return "unknown";
  if (UNKNOWN_NAMES.has(facts.name) || UNKNOWN_MESSAGE.test(facts.message)) return "unknown";
  return "unclear";
}

/** The connection was there, and broke: the request may have arrived. */
const UNKNOWN_CODES: ReadonlySet<string> = new Set([
  "ABORT_ERR",
  "ECONNABORTED",
  "ECONNRESET",
  "EPIPE",
  "ERR_HTTP2_GOAWAY_SESSION",
  "ERR_HTTP2_SESSION_ERROR",
  "ERR_HTTP2_STREAM_CANCEL",
  "ERR_HTTP2_STREAM_ERROR",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ETIMEDOUT",
  "UND_ERR_ABORTED",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_RESPONSE",
  "UND_ERR_SOCKET",
]);
const UNKNOWN_NAMES: ReadonlySet<string> = new Set(["AbortError", "TimeoutError"]);
/** Drivers that say it in words alone: pg, ioredis, Node's HTTP client. */
const UNKNOWN_MESSAGE =
  /^(?:Connection terminated(?: unexpectedly)?|Connection is closed\.?|Command timed out|socket hang up|Query read timeout)$/i;

/** A proxy answers these when it does not know what became of the request; those from 520 on are Cloudflare's. */
const UNKNOWN_STATUSES: ReadonlySet<number> = new Set([502, 503, 504, 520, 522, 524]);

function statusMeaning(status: number): Meaning {
  if (UNKNOWN_STATUSES.has(status)) return "unknown";
  if (status >= 500 || status === 408 || status === 425 || status === 429) return "retry";
  return "permanent";
}

/** Statement or transaction in doubt: it may have been committed when the connection went. */
const SQL_UNKNOWN: ReadonlySet<string> = new Set([
  "08000",
  "08003",
  "08006",
  "08007",
  "40003",
  "57P01",
  "57P02",
]);
/**
 * Rolled back or never begun, and another try may do: no connection (08), conflict or deadlock (40), out of resources (53),
 * lock not available or object in use (55), stopped by an operator or a timeout (57), an error of the system (58).
 */
const SQL_RETRYABLE: ReadonlySet<string> = new Set(["08", "40", "53", "55", "57", "58"]);

function sqlStateMeaning(sqlState: string): Meaning {
  if (SQL_UNKNOWN.has(sqlState)) return "unknown";
  return SQL_RETRYABLE.has(sqlState.slice(0, 2)) ? "retry" : "permanent";
}

function recordOf(facts: FailureFacts, verdict: FailureVerdict): ErrorRecord {
  const ownClass = classOf(facts);
  const unknown = verdict.type === "outcomeUnknown";
  return {
    class: unknown ? "outcome_unknown" : ownClass,
    message: facts.message,
    ...(unknown ? { cause: ownClass } : {}),
    ...(facts.status === null ? {} : { status: facts.status }),
    ...(facts.code === null ? {} : { code: facts.code }),
    ...(facts.sqlState === null ? {} : { sqlState: facts.sqlState }),
  };
}

function classOf(facts: FailureFacts): string {
  if (facts.mark || facts.timedOut) return facts.name;
  if (facts.status !== null) return "http";
  if (facts.sqlState !== null) return "database";
  if (facts.name === "TimeoutError") return "timeout";
  return facts.network ? "network" : facts.name;
}
