/**
 * What may start runs from outside: the triggers of the newest version of each workflow, as the store lists them. They move with the
 * newest version, in the transaction that stores it, so whoever looks finds those of one version and never a mixture.
 * Part of `Store`; both stores pass the same rules.
 */
import type { TriggerSource } from "../definition/document.ts";

/** Sources that something outside fires; a manual trigger is fired by whoever starts the run. */
export type BoundSource = Exclude<TriggerSource, { readonly type: "manual" }>;

/** A trigger node and the version that it is of. */
export interface BoundTrigger {
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
  /** Id of the node. */
  readonly node: string;
  readonly source: BoundSource;
}

/** The place of a trigger in the order of the list. */
export type TriggerPlace = Pick<BoundTrigger, "workspace" | "workflow" | "node">;

export interface TriggerQuery {
  readonly type: BoundSource["type"];
  /** None: those of all workspaces. */
  readonly workspace?: string;
  /** The path of a webhook, the name of an event; schedules and polls have none. */
  readonly name?: string;
  /** The last one of the page before. */
  readonly after?: TriggerPlace;
  readonly limit: number;
}

export interface TriggerStore {
  /** By workspace, workflow and node, in the order of code points; none of a disabled workflow. */
  find(query: TriggerQuery): Promise<readonly BoundTrigger[]>;
}
