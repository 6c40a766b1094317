/** What a worker is made with. */
import type { ActionRegistry } from "../actions/registry.ts";
import type { Outbound } from "../core/definition/outbound.ts";
import type { RetryPolicy } from "../core/definition/retry.ts";
import type { Buckets } from "../core/ports/allowances.ts";
import type { DefinitionCache } from "../core/ports/definition-cache.ts";
import type { LeaseKeeper } from "../core/ports/lease-keeper.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Scheduler } from "../core/ports/scheduler.ts";
import type { Store } from "../core/ports/store.ts";
import type { Advance } from "../core/run/advance.ts";
import type { Limits } from "../core/values.ts";
import type { CodeRunner } from "../security/sandbox/sandbox.ts";
import type { ActiveRun } from "./active-run.ts";
import type { BreakerRules } from "./breakers/breaker-uses.ts";
import type { BreakerChange } from "./breakers/breakers.ts";
import type { ChildRuns } from "./child-opener.ts";
import type { CredentialSource } from "./grants.ts";
import type { LimitBookOptions } from "./limit-book.ts";
import type { EventRuns } from "./loops/events.ts";
import type { RetentionRules } from "./loops/retention.ts";
import type { DeliveryRuns } from "./loops/webhooks.ts";
import type { AttemptLoggers, Observer } from "./observer.ts";
import type { Outgoing } from "./outgoing.ts";
import type { ItemRuns } from "./polls.ts";
import type { MissedTicks, TickRuns } from "./ticks.ts";
import type { Turn } from "./turn.ts";

export interface WorkerOptions {
  readonly store: Store;
  readonly scheduler: Scheduler;
  readonly registry: ActionRegistry;
  readonly limits: Limits;
  /** Token buckets of workspaces. */
  readonly buckets: Buckets;
  /** Where processes leave definitions for each other. `null`: nowhere. */
  readonly definitions: DefinitionCache | null;
  /** What workspaces may use. */
  readonly workspaces: LimitBookOptions["rules"];
  readonly retry: Partial<RetryPolicy> | null;
  readonly logger: Logger;
  readonly outbound: Outbound;
  readonly outgoing: Outgoing;
  readonly sandbox: CodeRunner;
  readonly credentials: CredentialSource;
  readonly children: ChildRuns;
  readonly ticks: TickRuns;
  readonly onMissed: (missed: MissedTicks) => void;
  readonly items: ItemRuns;
  readonly deliveries: DeliveryRuns;
  readonly observer: Observer;
  readonly retention: RetentionRules;
  /** How long what people did is kept; `null`: for ever. */
  readonly auditKeepMs: number | null;
  readonly events: EventRuns;
  readonly attemptLogs: AttemptLoggers;
  /** `null`: there are none, and nothing is asked or written for them. */
  readonly breakers: { readonly rules: BreakerRules; onChange(change: BreakerChange): void } | null;
  readonly concurrency: number;
  readonly lanes: readonly string[];
  readonly inline: boolean;
  readonly leaseMs: number;
  readonly leaseKeeper: LeaseKeeper | null;
  /** A turn of a run is durable. */
  readonly onMoved: (run: ActiveRun, turn: Turn, advance: Advance) => void;
  readonly onFenced: (runId: string, node: string) => void;
  /** This process was declared dead, and goes on under another id. */
  readonly onDeclaredDead: (oldId: string) => void;
}
