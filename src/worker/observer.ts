/** Whom a worker tells what it does, for statistics, metrics, traces and logs. Nothing here may throw, wait, or decide anything. */
import type { Advance } from "../core/run/advance.ts";
import type { OutboundFetch } from "../core/definition/outbound.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import type { RunStatus } from "../core/run/state.ts";
import type { Outcome } from "./attempt.ts";

export interface ObservedRun {
  readonly runId: string;
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
  /** The traceparent under which the run was started. */
  readonly trace: string | null;
}

export interface ObservedNode extends ObservedRun {
  readonly node: string;
  /** -1: the node run itself. */
  readonly item: number;
}

export interface ObservedAttempt extends ObservedNode {
  readonly action: string;
  readonly attempt: number;
  readonly fence: number;
}

/** What a durable turn has changed. */
export interface Moved extends Advance {
  /** The run's status before the turn. */
  readonly before: RunStatus;
}

/** An attempt while it is under way. */
export interface AttemptWatch {
  ended(outcome: Outcome): void;
  /** Runs the action's code in a context of its own. None: in no other one. */
  readonly within?: <T>(work: () => T) => T;
  /** What the action is given for its calls. None: what it would be given anyway. */
  readonly fetch?: (fetch: OutboundFetch) => OutboundFetch;
  /** Runs code of a stranger for the attempt, in the sandbox. None: just runs it. */
  readonly code?: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Transitions that were written together. */
export interface Batch {
  readonly entries: number;
  readonly ms: number;
}

/** The nearest place that had a definition. */
export type DefinitionPlace = "memory" | "redis" | "postgres";

/** A start that is about to be stored. */
export interface TracedStart {
  readonly workspace: string;
  readonly workflow: string;
  /** A caller's context counts, or only what is stored. */
  readonly within: "caller" | "store";
  /** The traceparent of what fired its trigger, or of the parent run. */
  readonly trigger: string | null;
}

export interface StartTrace {
  /** To be stored with the run. `null`: nobody traces. */
  readonly traceparent: string | null;
  ended(runId: string): void;
  failed(error: unknown): void;
}

export interface Tracer {
  start(start: TracedStart): StartTrace;
}

/** Makes the loggers of attempts. */
export interface AttemptLoggers {
  logger(attempt: ObservedAttempt): Logger;
}

export interface Observer {
  /** The run is another one than `queued` for the first time. */
  runBegan(run: ObservedRun): void;
  /** `ms`: since its start. A failed run that is redriven ends again. */
  runEnded(run: ObservedRun, end: { readonly status: RunStatus; readonly ms: number }): void;
  /** A worker took the node run from the queue, where it had been for so long. */
  taken(node: ObservedNode, queuedMs: number): void;
  attempt(attempt: ObservedAttempt): AttemptWatch;
  /** Of a node run, or of an item when its result is stored. */
  deadLetter(node: ObservedNode, error: ErrorRecord): void;
  /** A late answer was refused. */
  fenced(node: ObservedNode): void;
  batch(batch: Batch): void;
  /** A definition was needed, and this is where it was. */
  definition(from: DefinitionPlace): void;
}
