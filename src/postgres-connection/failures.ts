/** What an error of the driver means: whose fault it is, and whether the statement may have been carried out. */
import { FlowForgeError } from "../core/errors.ts";

const SYSTEM_CODES: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
]);

/** The driver's own errors about its connection have no code. */
const DRIVER_MESSAGES =
  /connection terminated|client has encountered a connection error|not queryable|query read timeout|timeout exceeded when trying to connect|connection ended|client was closed/i;

export function errorCode(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}

/** The connection is gone, or was ended by the server (57P01 to 57P05): nobody knows what became of a statement under way. */
export function isConnectionError(error: unknown): boolean {
  const code = errorCode(error);
  if (code !== "") return code.startsWith("08") || code.startsWith("57P") || SYSTEM_CODES.has(code);
  return error instanceof Error && DRIVER_MESSAGES.test(error.message);
}

/** The connection's error: this one, or the one that it was made of (`commit_outcome_unknown`). */
export function connectionErrorOf(error: unknown): Error | undefined {
  const cause = error instanceof FlowForgeError ? error.cause : undefined;
  return [error, cause].find(isConnectionError) as Error | undefined;
}

/** 40001 and 40P01: the same statement may be sent again. */
export function isRetryable(error: unknown): boolean {
  const code = errorCode(error);
  return code === "40001" || code === "40P01";
}

/** 55P03: `lock_timeout` passed. 57014: `statement_timeout` passed, or somebody cancelled the statement. */
export function isLockTimeout(error: unknown): boolean {
  const code = errorCode(error);
  return code === "55P03" || code === "57014";
}

/**
 * The server cannot write at all now: read-only (a standby after a failover), out of disk, memory or connections, an
 * operating system error, or a schema that is not what this code expects. No entry of the batch is to blame.
 */
export function isServerFault(error: unknown): boolean {
  const code = errorCode(error);
  return code === "25006" || /^(42|53|58|0A|28)/.test(code);
}

export function unreachable(target: string, cause: unknown): FlowForgeError {
  return new FlowForgeError("postgres_unreachable", {
    subject: `PostgreSQL at ${target}`,
    received: errorCode(cause) || (cause instanceof Error ? cause.message : String(cause)),
    next: "Check that the server runs and accepts connections with these settings.",
    cause,
  });
}

export function outcomeUnknown(target: string, cause: unknown): FlowForgeError {
  return new FlowForgeError("commit_outcome_unknown", {
    subject: `PostgreSQL at ${target}`,
    received: errorCode(cause) || (cause instanceof Error ? cause.message : String(cause)),
    next: "Load the runs of this commit again: what the store holds is what happened.",
    cause,
  });
}
