/** Counts that outlive the process that made them, and how things stand now. Asked by people, never on the way of a run. */
import type { RunStatus } from "../run/state.ts";
import type { Counts } from "../statistics/counts.ts";
import type { CountsAt } from "../statistics/series.ts";

/** What counts are of. An empty name: all that there are. A node belongs to a workflow, and a workflow to a workspace. */
export interface CountedPlace {
  readonly workspace: string;
  readonly workflow: string;
  readonly node: string;
}

export interface CountsRow extends CountedPlace, Counts {
  /** 60,000 or 3,600,000: how long a time it is of, in milliseconds. */
  readonly unitMs: number;
  /** When that time began: a multiple of `unitMs`. */
  readonly at: number;
}

/** `null`: all of them. */
export interface Scope {
  readonly workspace: string | null;
  readonly workflow: string | null;
}

export interface SpanQuery extends CountedPlace {
  readonly unitMs: number;
  readonly since: number;
  readonly until: number;
}

export interface QueuedGroup {
  readonly state: "ready" | "queued" | "running";
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
  readonly node: string;
  readonly count: number;
  /** Of these: node runs that are ready and held back, because their workspace has no room. */
  readonly held: number;
  /** Since when the oldest one of them is in this state, and its run. `null`: not asked for what is running. */
  readonly since: number | null;
  readonly runId: string | null;
}

export interface Standing {
  readonly now: number;
  readonly runs: readonly { readonly status: RunStatus; readonly count: number }[];
  readonly groups: readonly QueuedGroup[];
  /** Some were not counted, because there are too many. */
  readonly isCut: boolean;
  readonly deadLetters: number;
  /** Runs that were reported as stuck, and still are. */
  readonly stuck: number;
  /** Circuit breakers that are not closed; of a workspace, where one of its workflows was asked for. */
  readonly openBreakers: number;
}

export interface WorkerRecord {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly lanes: readonly string[];
  readonly concurrency: number;
  /** Node runs and items that it executes. */
  readonly running: number;
  readonly startedAt: number;
  readonly heartbeatAt: number;
  /** `null`: it is not known to be. Dead ones are kept for an hour. */
  readonly deadAt: number | null;
}

export interface DepthSample {
  /** When its minute began. */
  readonly at: number;
  readonly active: number;
  readonly ready: number;
  readonly queued: number;
  readonly running: number;
  readonly deadLetters: number;
}

export interface StatisticsStore {
  /** Adds to what is there already. */
  add(rows: readonly CountsRow[]): Promise<void>;
  counts(query: SpanQuery): Promise<readonly CountsAt[]>;
  /** Of the workflow's nodes, each one's in all. */
  nodes(query: SpanQuery): Promise<readonly (Counts & { readonly node: string })[]>;
  standing(scope: Scope): Promise<Standing>;
  workers(): Promise<readonly WorkerRecord[]>;
  /** Writes down how things stand in this minute, once whoever does it. */
  sample(): Promise<void>;
  /** Of a workspace, or of all. */
  samples(query: Pick<SpanQuery, "workspace" | "since" | "until">): Promise<readonly DepthSample[]>;
  /** Deletes what is older than it is kept, at most so many. Resolves with how many. */
  forget(limit: number): Promise<number>;
}
