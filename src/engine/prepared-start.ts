import type { Plan } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";
import type { NewRun } from "../core/ports/commit.ts";
import type { CallerTransaction } from "../postgres/caller-transaction.ts";
import type { FirstCommit } from "../worker/first-commit.ts";

/** What a webhook brought, for a trigger. */
export interface DeliveryStart {
  readonly workspace: string;
  readonly workflow: string;
  /** Of the workflow. None: the newest. */
  readonly version: number | undefined;
  readonly trigger: string;
  readonly input: Json;
  readonly headers: { readonly [name: string]: string };
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
