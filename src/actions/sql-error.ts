/** What a database's refusal, or its silence, means for another attempt. */
import type { FailureMeaning } from "../core/definition/action.ts";

/** How far it has come. Until the commit is sent, nothing of it can stay: a lost connection is rolled back. */
export type SqlStage = "connect" | "read" | "write" | "commit";

/** A statement was not carried out. Its SQLSTATE, where there is one, is the `code` of its cause. */
export class SqlError extends Error {
  /** `undefined`: as the SQLSTATE has it. */
  readonly meaning: FailureMeaning | undefined;

  constructor(error: Error, stage: SqlStage) {
    super(error.message, { cause: error });
    this.name = "SqlError";
    this.meaning = meaningOf(error, stage);
  }
}

/** `EPIPE` is none. */
const SQLSTATE = /^(?:\d[0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/;

export function sqlStateOf(error: unknown): string | null {
  if (error instanceof SqlError) return sqlStateOf(error.cause);
  const code: unknown = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" && SQLSTATE.test(code) ? code : null;
}

function meaningOf(error: Error, stage: SqlStage): FailureMeaning | undefined {
  const sqlState = sqlStateOf(error);
  // The server has become a standby: the one that takes its place lets us write.
  if (sqlState === "25006" && stage === "write") return "retry";
  if (sqlState !== null) return undefined;
  if (stage === "commit") return "unknown";
  return stage === "connect" && isHopeless(error) ? "permanent" : "retry";
}

/** A certificate that is not trusted, a server without TLS, or one that asks for a password where there is none. */
function isHopeless({ message }: Error): boolean {
  return /certificate|altnames|support SSL|^SASL/i.test(message);
}
