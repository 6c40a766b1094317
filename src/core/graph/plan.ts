/**
 * The plan: a validated document compiled for running. Nodes are numbered in topological order, and the
 * last one is always `$output`, which renders the run's output when nothing else can move.
 */
import type { OnLimit, TriggerSource, WorkflowDocument } from "../definition/document.ts";
import type { RetryPolicy } from "../definition/retry.ts";
import type { CompiledExpression, CompiledTemplate } from "../expression/expression.ts";

export interface PlanEdge {
  readonly from: number;
  readonly to: number;
  /** `null`: every outcome except `error` and `timeout`. */
  readonly on: string | null;
}

interface PlanNodeBase {
  readonly index: number;
  readonly id: string;
  readonly join: "settled" | "all" | "first";
  /** A `first` join that calls off what leads only to it and has not ended, as soon as it starts. */
  readonly callsOff: boolean;
  /**
   * The nearest join that calls off this node: every way from here leads to it. The next one is that join's own `race`, and so on.
   * `null`: none.
   */
  readonly race: number | null;
  readonly inbound: readonly PlanEdge[];
  readonly outbound: readonly PlanEdge[];
  readonly hasErrorEdge: boolean;
}

export interface PlanTrigger extends PlanNodeBase {
  readonly kind: "trigger";
  readonly source: TriggerSource;
  readonly input: CompiledTemplate | null;
}

export interface PlanMap {
  /** Yields the list. `null`: it undoes another map, for those items that succeeded, and its items have the places of those. */
  readonly list: CompiledExpression | null;
  /** Items that run at once, in all processes together. */
  readonly concurrency: number;
  /** Its output tells of each item whether it succeeded, and no item is a dead letter. */
  readonly collect: boolean;
}

export interface PlanAction extends PlanNodeBase {
  readonly kind: "action";
  readonly action: string;
  readonly input: CompiledTemplate;
  readonly lane: string;
  /** Of an attempt. `null`: the node does not say; the action's own, else the workflow's, else 5 minutes. */
  readonly timeoutMs: number | null;
  /** Of all attempts and the pauses between them, from the moment when the node may start. `null`: none. */
  readonly deadlineMs: number | null;
  readonly retry: Partial<RetryPolicy> | null;
  readonly credentials: readonly string[];
  /** Makes the idempotency key that it shares with all runs. `null`: it has one of its own. */
  readonly key: CompiledTemplate | null;
  /** It runs once per item of a list. `null`: an ordinary node. */
  readonly map: PlanMap | null;
  /** It runs another workflow, and waits for its end. */
  readonly isChild: boolean;
  /**
   * The node that this one undoes: it has no edges, and starts only when the run is compensated. Its id is that of the node and
   * `$compensate`, which no user can write. `null`: an ordinary node.
   */
  readonly compensates: number | null;
}

export interface PlanCondition extends PlanNodeBase {
  readonly kind: "condition";
  readonly cases: readonly { readonly outcome: string; readonly when: CompiledExpression }[];
}

export type PlanWaitFor =
  | { readonly type: "duration"; readonly ms: number }
  | { readonly type: "until"; readonly at: CompiledTemplate }
  | { readonly type: "signal"; readonly name: string; readonly timeoutMs: number | null }
  | {
      readonly type: "event";
      readonly name: string;
      readonly match: CompiledExpression | null;
      readonly timeoutMs: number | null;
    };

export interface PlanWait extends PlanNodeBase {
  readonly kind: "wait";
  readonly for: PlanWaitFor;
  readonly hasTimeoutEdge: boolean;
  readonly onTimeout: "fail" | "skip";
}

/** The last node of every plan: it has no edges and starts when every other node but compensations is terminal and no failure is unhandled. */
export interface PlanOutput extends PlanNodeBase {
  readonly kind: "output";
  readonly template: CompiledTemplate;
}

/** The action that runs another workflow. The engine knows it by its name. */
export const RUN_WORKFLOW = "workflow.run";

export type PlanNode = PlanTrigger | PlanAction | PlanCondition | PlanWait | PlanOutput;

export interface PlanConcurrency {
  /** Reads `input` and `trigger`. `null`: all runs of the workflow have the same key. */
  readonly key: CompiledTemplate | null;
  readonly limit: number;
  readonly onLimit: OnLimit;
}

export interface Plan {
  /** Normalised: a workflow without a trigger has the manual trigger `start`. */
  readonly document: WorkflowDocument;
  /**
   * In topological order, then the compensations in the order in which they run, which is the reverse; `nodes[i].index === i`;
   * the last one is `$output`.
   */
  readonly nodes: readonly PlanNode[];
  readonly indexOf: ReadonlyMap<string, number>;
  /** Retry policy of the workflow, for nodes that have none. */
  readonly retry: Partial<RetryPolicy> | null;
  /** Of an attempt, for nodes and actions that have none. */
  readonly timeoutMs: number | null;
  /** Of a run that is started without another one. */
  readonly deadlineMs: number | null;
  /** A run that would be `failed` is compensated first. */
  readonly compensatesOnFailure: boolean;
  /** How many runs may be under way at once. `null`: any number. */
  readonly concurrency: PlanConcurrency | null;
  /** What conditions and waits read: the only values that `RunState` must hold. */
  readonly reads: {
    readonly input: boolean;
    readonly trigger: boolean;
    /** Node indexes whose output or error is read by a condition, an `until` or a `match`. */
    readonly nodes: ReadonlySet<number>;
  };
}

/** An action that undoes another node. */
export function isCompensation(node: PlanNode): node is PlanAction & { readonly compensates: number } {
  return node.kind === "action" && node.compensates !== null;
}

export const OUTPUT_NODE = "$output";
export const COMPENSATION_SUFFIX = "$compensate";
