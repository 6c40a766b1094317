/** Queues of the host's own, whose workers are no part of FlowForge. */
import type { Json } from "../json.ts";

export interface HostJob {
  readonly queue: string;
  readonly name: string;
  readonly data: Json;
  /** A job of this id that is there already, in whatever state, is left as it is, and no other is added. */
  readonly id: string;
  readonly options: HostJobOptions;
}

export interface HostJobOptions {
  readonly delayMs: number;
  /** 0: before all that have one; then from 1, the first, to 2,097,151. */
  readonly priority: number;
  readonly attempts: number;
  readonly backoff: { readonly type: "fixed" | "exponential"; readonly delayMs: number } | null;
  /** How long it is kept at least when it has succeeded. */
  readonly keepCompletedMs: number;
  readonly keepFailedMs: number;
}

export interface HostQueues {
  /** Resolves when the job is stored. Connects where that was not done before. */
  add(job: HostJob): Promise<void>;
  /** Never waits long for a server. */
  close(): Promise<void>;
}
