import type { Plan, PlanTrigger } from "../core/graph/plan.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { NewRun } from "../core/ports/commit.ts";
import type { CallerTransaction } from "../postgres/caller-transaction.ts";
import type { FirstCommit } from "../worker/first-commit.ts";

/** What is known of how a trigger was fired, beside what it was fired with. */
export interface Firing {
  /** Of a webhook. Default: none. */
  readonly headers?: { readonly [name: string]: string } | undefined;
  /** Milliseconds since 1970. Default: now. */
  readonly firedAt?: number | undefined;
  readonly event?: { readonly id: string; readonly name: string } | undefined;
  /** Workflows whose runs led to this one, the oldest first. */
  readonly chain?: readonly string[] | undefined;
}

/** What something outside has brought, for a trigger: a webhook, a tick, an event. */
export interface FiredStart extends Firing {
  readonly workspace: string;
  readonly workflow: string;
  /** Of the workflow. None: the newest. */
  readonly version: number | undefined;
  /** None: the manual trigger. */
  readonly trigger: string | undefined;
  readonly input: Json;
  readonly labels?: { readonly [name: string]: string } | undefined;
}

/** What an event starts. */
export interface EventStart extends FiredStart {
  readonly runId: string;
  readonly firedAt: number;
  readonly event: { readonly id: string; readonly name: string };
  readonly chain: readonly string[];
}

/** A start whose options were checked. */
export interface PreparedStart {
  readonly plan: Plan;
  readonly start: NewRun;
  /** None: it begins at once, with nothing done. */
  readonly first?: FirstCommit;
  /** Of a child, a tick, a delivery or an event: it is the same whoever starts it. Default: a new one. */
  readonly runId?: string;
  /** The run that has the key is meant, whatever it was started with. */
  readonly anyInput?: boolean;
  /** Where it is written. None: in a commit of its own. */
  readonly tx?: CallerTransaction;
}

/** What `trigger` is in the expressions of the run. */
export function firedPayload(
  { id, source }: Pick<PlanTrigger, "id" | "source">,
  payload: Json,
  { headers = {}, firedAt, event, chain = [] }: Firing & { readonly firedAt: number },
): JsonObject {
  const known = { ...(event ? { event } : {}), ...(chain.length > 0 ? { chain: [...chain] } : {}) };
  const time = new Date(firedAt).toISOString();
  return { id, type: source.type, payload, headers, firedAt: time, ...known };
}
