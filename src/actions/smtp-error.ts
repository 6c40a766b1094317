/** What a mail server's refusal, or its silence, means for another attempt. */
import type { FailureMeaning } from "../core/definition/action.ts";

/** How far a delivery has come: once the message is on its way, silence says nothing about it. */
export type SmtpStage = "before" | "message";

/** A message could not be handed over. */
export class SmtpError extends Error {
  /** The server's code, as 550; `null`: it has not answered. */
  readonly responseCode: number | null;
  readonly meaning: FailureMeaning;
  readonly stage: SmtpStage;

  constructor(error: Error, stage: SmtpStage) {
    super(error.message, { cause: error });
    this.name = "SmtpError";
    this.stage = stage;
    this.responseCode = responseCodeOf(error);
    this.meaning = meaningOf(error, this.responseCode, stage);
  }
}

/** Wrong from the beginning, whatever the server says later. */
const OWN_FAULTS: ReadonlySet<unknown> = new Set(["EAUTH", "EENVELOPE", "EMESSAGE", "ENOAUTH"]);

/**
 * RFC 5321 4.2.1: from 400 to 499 it may be tried again, from 500 on it may not. Without an answer nothing has happened as long as the
 * message was not sent. A certificate that is not trusted stays so.
 */
function meaningOf(error: Error, responseCode: number | null, stage: SmtpStage): FailureMeaning {
  if (responseCode !== null && responseCode >= 400) return responseCode < 500 ? "retry" : "permanent";
  if (stage === "message") return "unknown";
  return OWN_FAULTS.has(codeOf(error)) || isUntrusted(error) ? "permanent" : "retry";
}

function responseCodeOf(error: object): number | null {
  const code: unknown = "responseCode" in error ? error.responseCode : null;
  return typeof code === "number" ? code : null;
}

function codeOf(error: object): unknown {
  return "code" in error ? error.code : undefined;
}

function isUntrusted(error: Error): boolean {
  return codeOf(error) === "ETLS" || /certificate|STARTTLS/i.test(error.message);
}
