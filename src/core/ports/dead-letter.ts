/** Dead letters, as the store gives them to people. */
import type { Json } from "../json.ts";
import type { ErrorRecord } from "../run/event.ts";

/** `compensated`: closed because the run is undone. */
export type Resolution = "redriven" | "completed" | "discarded" | "compensated";

/** A node run that gave up and that nothing handled. */
export interface DeadLetter {
  readonly id: string;
  readonly runId: string;
  readonly workspace: string;
  readonly workflow: string;
  /** The run's version now. */
  readonly version: number;
  readonly node: string;
  readonly item: number;
  readonly fence: number;
  readonly generation: number;
  readonly attempts: number;
  readonly fingerprint: string;
  readonly error: ErrorRecord;
  /** What the node was given; `undefined` where it never came to that. */
  readonly input: Json | undefined;
  readonly openedAt: number;
  /** When its first attempt began that is on record, of those with its idempotency key. */
  readonly firstAttemptAt: number | null;
  readonly resolvedAt: number | null;
  readonly resolution: Resolution | null;
  /** Who resolved it, where that was said. */
  readonly resolvedBy: string | null;
  /** Id of the message that resolved it. */
  readonly resolutionId: string | null;
}

export interface DeadLetterFilter {
  readonly workspace: string;
  readonly ids?: readonly string[];
  readonly runId?: string;
  readonly workflow?: string;
  readonly node?: string;
  readonly errorClass?: string;
  readonly fingerprint?: string;
  /** `undefined`: both. */
  readonly open?: boolean;
  /** This time or later. */
  readonly openedAfter?: number;
  /** Earlier than this time. */
  readonly openedBefore?: number;
}

export interface DeadLetterPage extends DeadLetterFilter {
  /** Opaque; from the page before. */
  readonly cursor?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

/** Dead letters of one workflow with the same fingerprint. */
export interface DeadLetterGroup {
  readonly workflow: string;
  readonly fingerprint: string;
  readonly node: string;
  readonly errorClass: string;
  readonly count: number;
  /** When the first and the last of them were opened. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** The last one's. */
  readonly message: string;
}
