/** What an active run (`Run`) needs of its process. `RunTable` is the one implementation; tests may give a smaller one. */
import type { ActionRegistry } from "../actions/registry.ts";
import type { Outbound } from "../core/definition/outbound.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Store } from "../core/ports/store.ts";
import type { NodeRecord } from "../core/ports/stored-run.ts";
import type { Limits } from "../core/values.ts";
import type { Breakers } from "./breakers/breakers.ts";
import type { StoreClock } from "./clock.ts";
import type { AdmissionParts } from "./admission/run-admission.ts";
import type { Committer } from "./committer.ts";
import type { CodeRunner } from "../security/sandbox/sandbox.ts";
import type { CredentialSource } from "./grants.ts";
import type { Loader } from "./loader.ts";
import type { Outgoing } from "./outgoing.ts";
import type { AttemptLoggers, Moved, Observer } from "./observer.ts";
import type { Plans } from "./plans.ts";
import type { Workshop } from "./intent.ts";
import type { Turn } from "./turn.ts";

/** A node run that is executed in this process. */
export interface Held {
  readonly fence: number;
  /** The run was cancelled, or another branch won: the action is told, and may still answer. Again: no difference. */
  cancel(): void;
  /** This process gives the node up: nothing that the action answers is recorded. */
  interrupt(): void;
}

export interface RunEnvironment<Run> {
  readonly store: Store;
  readonly loader: Loader;
  readonly committer: Committer;
  readonly plans: Plans;
  readonly registry: ActionRegistry;
  readonly limits: Limits;
  readonly clock: StoreClock;
  readonly logger: Logger;
  /** For actions. */
  readonly outbound: Outbound;
  readonly outgoing: Outgoing;
  readonly sandbox: CodeRunner;
  readonly credentials: CredentialSource;
  /** Is told what happens. */
  readonly observer: Observer;
  readonly attemptLogs: AttemptLoggers;
  /** What workspaces may begin. */
  readonly admission: AdmissionParts;
  /** `null`: there are none. */
  readonly breakers: Breakers | null;
  random(): number;
  /** `null`: this process takes no work now. */
  workshop(): Workshop | null;
  /** Gives places back that the workspace holds. A negative count takes them, even where there is none. */
  leave(workspace: string, places: number): void;
  /** A turn is durable: execute its claims, hand over what is for others, tell who waits. */
  committed(run: Run, turn: Turn, advance: Moved): void;
  /** Node runs that are this worker's and are not held: read their inputs and run them. */
  adopt(run: Run, rows: readonly NodeRecord[]): Promise<void>;
  /** The one that stands for the run, now that it has another version: `next`, or whichever knows nothing of the old one. */
  successor(run: Run, next: Run | null): Run;
  /** The run has nothing to do for now. */
  rested(run: Run): void;
  pause(ms: number): Promise<void>;
  /** The process ends: give up waiting for a store that does not answer. */
  stopped(): boolean;
}
