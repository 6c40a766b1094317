/** The limits there are, as data: what checks them, and what shows and edits them, is made of this list, so that none is forgotten. */
import type { WorkspaceLimits } from "./workspace-limits.ts";

export interface LimitField {
  /** `rate`: so many in so long. `count`: a whole number from 1. */
  readonly kind: "rate" | "count";
  /** The highest number that may be set. */
  readonly most: number;
  /** Whether `null` says that there is no such limit. */
  readonly nullable: boolean;
  /** What it limits, for people. */
  readonly what: string;
}

const MOST = 1_000_000;
const MOST_BYTES = 1_000_000_000;

export const LIMIT_FIELDS: { readonly [Field in keyof WorkspaceLimits]-?: LimitField } = {
  rate: { kind: "rate", most: MOST, nullable: true, what: "node runs that begin" },
  concurrency: { kind: "count", most: MOST, nullable: true, what: "node runs that run at once" },
  queued: { kind: "count", most: MOST, nullable: true, what: "node runs in the queue" },
  starts: { kind: "rate", most: MOST, nullable: true, what: "runs that are started from outside" },
  payloadBytes: {
    kind: "rate",
    most: MOST_BYTES,
    nullable: true,
    what: "bytes that such runs are started with",
  },
  storedRuns: { kind: "count", most: MOST, nullable: true, what: "runs that are stored" },
  weight: {
    kind: "count",
    most: 1_000,
    nullable: false,
    what: "part of the workers, where workspaces compete",
  },
};
