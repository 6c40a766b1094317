/** What the table of runs is made of, and whom it tells. */
import type { ActionRegistry } from "../actions/registry.ts";
import type { Outbound } from "../core/definition/outbound.ts";
import type { CodeRunner } from "../security/sandbox/sandbox.ts";
import type { RetryPolicy } from "../core/definition/retry.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Task } from "../core/ports/scheduler.ts";
import type { Store } from "../core/ports/store.ts";
import type { Limits } from "../core/values.ts";
import type { ActiveRun } from "./active-run.ts";
import type { Breakers } from "./breakers/breakers.ts";
import type { ChildRuns } from "./child-opener.ts";
import type { StoreClock } from "./clock.ts";
import type { AdmissionParts } from "./admission/run-admission.ts";
import type { Committer } from "./committer.ts";
import type { CredentialSource } from "./grants.ts";
import type { Loader } from "./loader.ts";
import type { Outgoing } from "./outgoing.ts";
import type { AttemptLoggers, Moved, Observer } from "./observer.ts";
import type { Plans } from "./plans.ts";
import type { Slots } from "./slots.ts";
import type { Turn } from "./turn.ts";

/** What the table tells the rest of the process. */
export interface RunListener {
  /** Node runs to hand over. `own`: this worker could run them, if it had room. */
  dispatch(tasks: { readonly own: readonly Task[]; readonly others: readonly Task[] }): void;
  /** Node runs of this workspace have begun to wait for room. */
  held(workspace: string): void;
  /** A wait or a retry becomes due in about so many milliseconds. */
  dueIn(ms: number): void;
  /** A node run that was given back, or is parked, may be handed over in about so many milliseconds. */
  readyIn(ms: number): void;
  /** A turn of the run is durable. */
  moved(run: ActiveRun, turn: Turn, advance: Moved): void;
  /** A run that another one waits for has come to rest. */
  childRested(): void;
  /** A late answer was refused by its fence. */
  fenced(run: ActiveRun, node: string): void;
}

export interface RunTableOptions {
  readonly store: Store;
  readonly loader: Loader;
  readonly committer: Committer;
  readonly plans: Plans;
  readonly registry: ActionRegistry;
  readonly limits: Limits;
  readonly clock: StoreClock;
  readonly logger: Logger;
  readonly outbound: Outbound;
  readonly outgoing: Outgoing;
  readonly sandbox: CodeRunner;
  readonly credentials: CredentialSource;
  readonly retry: Partial<RetryPolicy> | null;
  readonly slots: Slots;
  readonly lanes: readonly string[];
  readonly inline: boolean;
  readonly children: ChildRuns;
  readonly random: () => number;
  readonly observer: Observer;
  readonly attemptLogs: AttemptLoggers;
  readonly admission: AdmissionParts;
  readonly breakers: Breakers | null;
  readonly listener: RunListener;
}
