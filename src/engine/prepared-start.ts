import type { Plan } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";
import type { NewRun } from "../core/ports/commit.ts";
import type { CallerTransaction } from "../postgres/caller-transaction.ts";
import type { FirstCommit } from "../worker/first-commit.ts";

/** What something outside has brought, for a trigger: a webhook, a tick. */
export interface FiredStart {
  readonly workspace: string;
  readonly workflow: string;
  /** Of the workflow. None: the newest. */
  readonly version: number | undefined;
  /** None: the manual trigger. */
  readonly trigger: string | undefined;
  readonly input: Json;
  readonly labels?: { readonly [name: string]: string } | undefined;
  /** Of a webhook. Default: none. */
  readonly headers?: { readonly [name: string]: string } | undefined;
  /** Milliseconds since 1970. Default: now. */
  readonly firedAt?: number | undefined;
}

/** A start whose options were checked. */
export interface PreparedStart {
  readonly plan: Plan;
  readonly start: NewRun;
  /** None: it begins at once, with nothing done. */
  readonly first?: FirstCommit;
  /** Of a child, a tick or a delivery: it is the same whoever starts it. Default: a new one. */
  readonly runId?: string;
  /** The run that has the key is meant, whatever it was started with. */
  readonly anyInput?: boolean;
  /** Where it is written. None: in a commit of its own. */
  readonly tx?: CallerTransaction;
}
