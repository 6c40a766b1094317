/** What `GET /stats` answers, as far as it is shown. */

import type { QueueUser } from "../../../core/statistics/queue-users.ts";
import type { AttemptRates, RunRates } from "../../../core/statistics/rates.ts";

export interface Depth {
  readonly active: number;
  readonly ready: number;
  readonly queued: number;
  readonly running: number;
  readonly deadLetters: number;
}

export interface StatsStep {
  readonly at: number;
  readonly runs: RunRates;
  readonly attempts: AttemptRates;
  readonly depth: Depth | null;
}

export interface Stats {
  readonly now: {
    readonly at: number;
    readonly runs: Readonly<Record<string, number>>;
    readonly active: number;
    readonly lanes: readonly {
      readonly lane: string;
      readonly ready: number;
      readonly queued: number;
      readonly running: number;
    }[];
    readonly users: readonly QueueUser[];
    readonly oldest: {
      readonly workspace: string;
      readonly workflow: string;
      readonly runId: string;
      readonly node: string;
      readonly since: number;
    } | null;
    readonly deadLetters: number;
    readonly stuck: number;
    readonly workers: number;
  };
  readonly stepMs: number;
  readonly total: { readonly runs: RunRates; readonly attempts: AttemptRates };
  readonly series: readonly StatsStep[];
}

export interface WorkflowStats {
  readonly total: { readonly runs: RunRates; readonly attempts: AttemptRates };
  readonly nodes: readonly (AttemptRates & { readonly node: string; readonly deadLetters: number })[];
}
