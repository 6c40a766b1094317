/** The types of the builder: what `build` of `defineWorkflow` gets, and what its functions take and return. */
import type { z, ZodType } from "zod";
import type { Json } from "../json.ts";
import type { Action, ActionContext, ActionSettings, AnyInput, AnyOutput } from "./action.ts";
import type { Duration, JoinDocument, RetryDocument, ScheduleSource } from "./document.ts";
import type { Expr, TextTag } from "./interpolation.ts";
import type { Workflow } from "./workflow-type.ts";
import type { AnyTemplate, LooseRef, Ref, Templated, Yielded, Yields } from "./reference-types.ts";
import type { Mapped, NodeError, PerItem, PerItemDone } from "./builder-map-types.ts";

declare const ARRIVES: unique symbol;

/** What a node may come after: another node, or one outcome of it. */
export interface Arrival<out Of extends string = string> {
  /** For types only: there is no such member. */
  readonly [ARRIVES]: Of;
}

/** What every node may have. */
export interface NodeOptions<Of extends string = string> {
  /**
   * Edges without data. A node stands for every outcome but `error` and `timeout`. Default: the nodes that are read; where nothing is
   * read, the start of the run.
   */
  readonly after?: Arrival<Of> | readonly Arrival<Of>[];
  readonly description?: string;
  /**
   * `settled`: starts when all inbound edges are settled and one was taken. `all`: needs every one taken. `first`: starts at the
   * first one taken; what has not ended then reads as null, and `{ first: true, cancelOthers: true }` cancels what leads only here.
   * Default `settled`; `all` where the node comes after one node or outcome and reads other nodes besides.
   */
  readonly join?: JoinDocument;
}

export interface ActionOptions<Of extends string = string> extends NodeOptions<Of> {
  /** Names of credentials that the action may use. Default none. */
  readonly credentials?: readonly string[];
  /** Per attempt, from the claim. Default: the action's, then the workflow's, then 5m. */
  readonly timeout?: Duration;
  /**
   * For all attempts and the pauses between them, from the moment when the node may start; then it fails with `deadline_exceeded`.
   * With `forEach`: for all items together. Default: as long as its retries last.
   */
  readonly deadline?: Duration;
  /** Default: the action's, then the workflow's, then the engine's. */
  readonly retry?: RetryDocument;
  /** Only workers of this lane take the node. Default: that of its action, then of its workflow, then `default`. */
  readonly lane?: string;
  /**
   * A key across all runs of the workspace: of all node runs with this action and key, one at a time runs, and what the first success
   * gave is the output of all others, which do not run. Another input under the same key fails the node with `idempotency_conflict`.
   * 1 to 255 characters when it is made. Reading a node here makes an edge, as in the input. Default: each node run is on its own.
   */
  readonly idempotencyKey?: Templated<string, Of>;
}

/** For a node that runs another workflow. */
export interface ChildOptions<Of extends string = string> extends NodeOptions<Of> {
  /** Of the workflow. Default: the newest one when the child is started. */
  readonly version?: number;
  /** Id of the trigger node to start at. Default: the workflow's manual trigger. */
  readonly trigger?: string;
  /** As those of `runs.start`. */
  readonly labels?: { readonly [name: string]: Templated<string, Of> };
  /** From the child's start on. Default: the `deadline` of its workflow. */
  readonly deadline?: Duration;
}

/** For a node that runs another workflow once per item of a list. */
export interface ChildMapOptions<
  Item = unknown,
  Mode extends "fail" | "collect" = "fail" | "collect",
  Of extends string = string,
>
  extends ChildOptions<Of>, Pick<MapOptions<Item, Mode, Of>, "forEach" | "concurrency" | "onItemError"> {}

/** For an action that runs once per item of a list. */
export interface MapOptions<
  Item = unknown,
  Mode extends "fail" | "collect" = "fail" | "collect",
  Of extends string = string,
> extends Omit<ActionOptions<Of>, "idempotencyKey"> {
  /** The list. At most 100,000 items when the run comes there. */
  readonly forEach: Yields<readonly Item[], Of>;
  /** Items that run at once, in all processes together. 1 to 10,000. Default 20. */
  readonly concurrency?: number;
  /**
   * What a failed item means. `fail` (default): the node fails, and each item that failed is a dead letter. `collect`: the node succeeds,
   * and its output tells of each item how it ended.
   */
  readonly onItemError?: Mode;
}

export interface TriggerOptions<Given, Of extends string = string> {
  readonly description?: string;
  /** Makes the run's input out of `fired`. Default: the payload as it came. */
  readonly input?: Templated<Given, Of>;
}

export type TriggerSourceOptions<Of extends string = string> =
  | { readonly type: "manual" }
  | {
      readonly type: "webhook";
      readonly path: string;
      readonly signature?: { readonly [field: string]: Json };
      readonly respond?: "accepted" | "result";
      readonly timeout?: Duration;
      readonly overQuota?: "refuse" | "delay";
    }
  | ScheduleSource
  | { readonly type: "event"; readonly name: string; readonly filter?: Yields<boolean, Of> };

interface TimeWaitOptions<Of extends string> extends NodeOptions<Of> {
  readonly signal?: never;
  readonly event?: never;
  readonly timeout?: never;
}

interface MessageWaitOptions<Of extends string> extends NodeOptions<Of> {
  readonly duration?: never;
  readonly until?: never;
  /** What a timeout without an edge for it means: `fail` (default) or `skip`. */
  readonly onTimeout?: "fail" | "skip";
}

/** A wait for time: `elapsed`. */
export type TimeWait<Of extends string = string> = TimeWaitOptions<Of> &
  (
    | { readonly duration: Duration; readonly until?: never }
    | { readonly until: Templated<string | number, Of>; readonly duration?: never }
  );

/** A wait for a message: `received`, and `timeout` where it has one. */
export type MessageWait<Of extends string = string> = MessageWaitOptions<Of> &
  (
    | { readonly signal: string; readonly event?: never; readonly match?: never }
    | { readonly event: string; readonly match?: Yields<boolean, Of>; readonly signal?: never }
  );

/** What can be read of every node but a trigger. */
export interface NodeHandle<Outcome extends string, Of extends string = string> extends Arrival<Of> {
  readonly id: string;
  /** For `after`: only when the node ended so. */
  on(this: void, outcome: Outcome): Arrival<Of>;
  /** Why the node failed, null unless it did. Whoever reads it comes after the outcome `error`, unless it comes after the node anyway. */
  readonly error: Ref<NodeError, Of>;
  readonly status: Ref<"succeeded" | "failed" | "skipped" | "cancelled", Of>;
}

export interface TriggerNode<Of extends string = string> extends Arrival<Of> {
  readonly id: string;
  on(this: void, outcome: "fired"): Arrival<Of>;
}

export interface ActionNode<Output = Json, Of extends string = string> extends NodeHandle<
  "success" | "error",
  Of
> {
  /** The output of the action. It is typed as if the node had succeeded; `.orNull` where it may not have. */
  readonly output: Ref<Output, Of>;
  /**
   * What undoes this node, once it has succeeded and the run is compensated. Once per node. The input may read the node and what
   * comes before it; it makes no edges.
   */
  compensate<Input, Undone, Given, Seen>(
    this: void,
    action: Action<Input, Undone, Given, Seen>,
    ...rest: {} extends Given
      ? [input?: Templated<Given, Of>, options?: CompensateOptions]
      : [input: Templated<Given, Of>, options?: CompensateOptions]
  ): void;
  compensate(this: void, action: string, input?: AnyTemplate<Of>, options?: CompensateOptions): void;
}

/** A node that runs an action once per item of a list. */
export interface MapNode<
  Item = Json,
  Value = Json,
  Mode extends "fail" | "collect" = "fail",
  Of extends string = string,
> extends Omit<ActionNode<Mapped<Value, Mode>, Of>, "compensate"> {
  /**
   * What undoes an item, for each that has succeeded, when the run is compensated; also where the node as a whole has failed. Once per node.
   * `input` is called once, with references to the item, its place in the list, and its own output.
   */
  compensate<Input, Undone, Given, Seen>(
    this: void,
    action: Action<Input, Undone, Given, Seen>,
    input: PerItemDone<Item, Value, Of, Templated<Given, Of>>,
    options?: CompensateOptions,
  ): void;
  compensate(
    this: void,
    action: string,
    input: PerItemDone<Item, Value, Of, AnyTemplate<Of>>,
    options?: CompensateOptions,
  ): void;
}

export interface CompensateOptions {
  /** Per attempt, from the claim. Default: the action's, then the workflow's, then 5m. */
  readonly timeout?: Duration;
  /** Default: the action's, then the workflow's, then the engine's. */
  readonly retry?: RetryDocument;
}

export interface ConditionNode<Case extends string = string, Of extends string = string> extends NodeHandle<
  Case | "else" | "error",
  Of
> {
  readonly output: Ref<{ readonly outcome: Case | "else" }, Of>;
}

export type TimeWaitNode<Of extends string = string> = NodeHandle<"elapsed" | "error", Of>;

export interface MessageWaitNode<
  Outcome extends string = "received" | "error",
  Of extends string = string,
> extends NodeHandle<Outcome, Of> {
  /** The payload of the message. */
  readonly output: LooseRef<Of>;
}

/** Code of a single node. It is registered as `<workflow>/<node>`. Without an input schema it gets what the node passes to it. */
export interface InlineAction<Input, OutputSchema extends ZodType = AnyOutput> extends ActionSettings {
  readonly input?: never;
  readonly output?: OutputSchema;
  run(this: void, context: ActionContext<Input>): Promise<z.input<OutputSchema>> | z.input<OutputSchema>;
}

/** The same with an input schema of its own: the code gets the parsed value. */
export interface InlineActionWithSchema<
  InputSchema extends ZodType = AnyInput,
  OutputSchema extends ZodType = AnyOutput,
> extends ActionSettings {
  readonly input: InputSchema;
  readonly output?: OutputSchema;
  run(
    this: void,
    context: ActionContext<z.output<InputSchema>>,
  ): Promise<z.input<OutputSchema>> | z.input<OutputSchema>;
}

/** Input and options of an action: the input may be left out where the action needs none. */
type Rest<Given, Of extends string> = {} extends Given
  ? [input?: Templated<Given, Of>, options?: ActionOptions<Of>]
  : [input: Templated<Given, Of>, options?: ActionOptions<Of>];

/** What started the run. */
export interface Fired {
  /** Id of the trigger node. */
  readonly id: string;
  readonly type: "manual" | "webhook" | "schedule" | "event" | "poll";
  readonly payload: Json;
  readonly headers: { readonly [name: string]: string };
  readonly firedAt: string;
}

export interface RunFacts {
  readonly id: string;
  readonly workflow: string;
  readonly workspace: string;
  readonly startedAt: string;
}

/**
 * What `build` writes a workflow down with. Nothing of it runs when the workflow runs: every call adds a node to the document.
 *
 * `Input` is the run's input as it is stored, `Given` as it is passed; `Of` is the name of the workflow.
 */
export interface WorkflowBuilder<Input = Json, Of extends string = string, Given = Input> {
  readonly input: Ref<Input, Of>;
  readonly run: Ref<RunFacts, Of>;
  /** What started the run. */
  readonly fired: Ref<Fired, Of>;
  /** The event that a wait looks at. Only for `match`. */
  readonly event: Ref<{ readonly name: string; readonly payload: Json }, Of>;

  /** A way to start a run. Without any there is one manual trigger. */
  trigger(
    this: void,
    id: string,
    source: TriggerSourceOptions<Of>,
    options?: TriggerOptions<Given, Of>,
  ): TriggerNode<Of>;

  /** A node that runs an action once per item of a list. `input` is called once, and says what each item passes to the action. */
  action<Input, Output, Given, Seen, Item, Mode extends "fail" | "collect" = "fail">(
    this: void,
    id: string,
    action: Action<Input, Output, Given, Seen>,
    input: PerItem<Item, Of, Templated<Given, Of>>,
    options: MapOptions<Item, Mode, Of>,
  ): MapNode<Item, Seen, Mode, Of>;
  action<Item, Mode extends "fail" | "collect" = "fail">(
    this: void,
    id: string,
    action: string,
    input: PerItem<Item, Of, AnyTemplate<Of>>,
    options: MapOptions<Item, Mode, Of>,
  ): MapNode<Item, Json, Mode, Of>;

  /** A node that runs an action from `defineAction`, an inline one, or, by name, one of another process. */
  action<Input, Output, Given, Seen>(
    this: void,
    id: string,
    action: Action<Input, Output, Given, Seen>,
    ...rest: Rest<Given, Of>
  ): ActionNode<Seen, Of>;
  action<InputSchema extends ZodType, OutputSchema extends ZodType = AnyOutput>(
    this: void,
    id: string,
    action: InlineActionWithSchema<InputSchema, OutputSchema>,
    ...rest: Rest<z.input<InputSchema>, Of>
  ): ActionNode<z.output<OutputSchema>, Of>;
  action<OutputSchema extends ZodType = AnyOutput, Template extends AnyTemplate<Of> = {}>(
    this: void,
    id: string,
    action: InlineAction<Yielded<Template>, OutputSchema>,
    input?: Template,
    options?: ActionOptions<Of>,
  ): ActionNode<z.output<OutputSchema>, Of>;
  action(
    this: void,
    id: string,
    action: string,
    input?: AnyTemplate<Of>,
    options?: ActionOptions<Of>,
  ): ActionNode<Json, Of>;

  /**
   * A node that runs another workflow of the workspace as a child, and waits for its end without holding a worker. Its output is that of
   * the run. A child that fails or is cancelled fails the node with the class `child_failed`. A workflow that is given as such is
   * known to every engine that knows this one; one that is only named must be known to it, or registered. With `forEach` there is one
   * child for each item; `input` is called once then, and says what each passes on.
   */
  child<Given, Output, Item, Mode extends "fail" | "collect" = "fail">(
    this: void,
    id: string,
    workflow: Workflow<Given, Output>,
    input: PerItem<Item, Of, Templated<Given, Of>>,
    options: ChildMapOptions<Item, Mode, Of>,
  ): MapNode<Item, Output, Mode, Of>;
  child<Item, Mode extends "fail" | "collect" = "fail">(
    this: void,
    id: string,
    workflow: string,
    input: PerItem<Item, Of, AnyTemplate<Of>>,
    options: ChildMapOptions<Item, Mode, Of>,
  ): MapNode<Item, Json, Mode, Of>;
  child<Given, Output>(
    this: void,
    id: string,
    workflow: Workflow<Given, Output>,
    ...rest: null extends Given
      ? [input?: Templated<Given, Of>, options?: ChildOptions<Of>]
      : [input: Templated<Given, Of>, options?: ChildOptions<Of>]
  ): ActionNode<Output, Of>;
  child(
    this: void,
    id: string,
    workflow: string,
    input?: AnyTemplate<Of>,
    options?: ChildOptions<Of>,
  ): ActionNode<Json, Of>;

  /** A node whose outcome is the name of the first case that is true, or `else`. */
  condition<Case extends string>(
    this: void,
    id: string,
    cases: { readonly [name in Case]: Yields<boolean, Of> },
    options?: NodeOptions<Of>,
  ): ConditionNode<Case, Of>;

  /** A node that waits, for time or for a message, and holds no worker. */
  wait(this: void, id: string, settings: TimeWait<Of>): TimeWaitNode<Of>;
  wait(
    this: void,
    id: string,
    settings: MessageWait<Of> & { readonly timeout: Duration },
  ): MessageWaitNode<"received" | "timeout" | "error", Of>;
  wait(
    this: void,
    id: string,
    settings: MessageWait<Of> & { readonly timeout?: never },
  ): MessageWaitNode<"received" | "error", Of>;

  readonly expr: Expr<Of>;
  readonly text: TextTag<Of>;
}
