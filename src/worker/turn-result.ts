/** What a turn of a run comes to: what will be written, and what is to be done once that is durable. */
import type { RegisteredAction } from "../actions/registry.ts";
import type { BreakerKey } from "../core/breaker/key.ts";
import type { PlanAction } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";
import type { ActionKeyRef, ActionKeyWrite } from "../core/ports/action-keys.ts";
import type { ItemWrite } from "../core/ports/maps.ts";
import type { AttemptWrite, NodeWrite } from "../core/ports/commit.ts";
import type { EditedInput } from "../core/ports/stored-run.ts";
import type { Command } from "../core/run/command.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import type { NodeState } from "../core/run/state.ts";
import type { IntentResult, Pending } from "./intent.ts";

/** The item of a node run that is not one of a list. */
export const NO_ITEM = -1;

/** A claim to be executed once the commit is durable. */
export interface Claim extends Pick<
  NodeState,
  "fence" | "attempt" | "generation" | "deadlineAt" | "keyFence"
> {
  readonly node: PlanAction;
  readonly action: RegisteredAction;
  readonly input: Json;
  /** That it shares with other runs. `null`: it has one of its own. */
  readonly key: string | null;
}

/** An input that was given by hand. */
export interface Edit {
  readonly edited: EditedInput;
  readonly input: Json;
}

export type ChildOrder = Extract<Command, { type: "openChild" | "cancelChild" }>;

export interface Values {
  input?: Json;
  output?: Json;
  error?: ErrorRecord | null;
}

/** Outputs, by the ids of their nodes, that the next step reads, and keys that it asks for. */
export interface Missing {
  readonly outputs: readonly string[];
  readonly keys: readonly ActionKeyRef[];
  /** Node runs for which allowances are to be asked for. */
  readonly allowances: number;
}

export class TurnResult {
  readonly claims: Claim[] = [];
  readonly enqueued: Set<number> = new Set();
  /** Nodes that are ready and wait for room in their line. */
  readonly held: Set<number> = new Set();
  readonly retries: { node: number; fence: number; delayMs: number }[] = [];
  readonly aborts: number[] = [];
  /** Nodes that wait behind a breaker. */
  readonly parked: { node: number; by: BreakerKey }[] = [];
  readonly deadLetters: { node: number; error: ErrorRecord }[] = [];
  readonly consumed: string[] = [];
  readonly kept: string[] = [];
  readonly attempts: AttemptWrite[] = [];
  readonly values: Map<number, Values> = new Map();
  readonly due: Map<number, NodeWrite["due"]> = new Map();
  readonly duplicated: Set<number> = new Set();
  readonly resolutions: Map<number, NonNullable<NodeWrite["resolution"]>> = new Map();
  /** Inputs given by hand, as far as this turn changes them. */
  readonly edits: Map<number, Edit> = new Map();
  /** Maps that begin, with the number of their items; `undo`: as many as there are to undo. */
  readonly maps: Map<number, number | "undo"> = new Map();
  /** Maps to be looked at once this is durable. */
  readonly opened: Set<number> = new Set();
  /** Children to be started or cancelled once this is durable. */
  readonly children: ChildOrder[] = [];
  readonly items: ItemWrite[] = [];
  /** What is done with keys that nodes share with other runs. */
  actionKeys: readonly ActionKeyWrite[] = [];
  readonly results: Map<Pending, IntentResult> = new Map();
  /** Room that came with the intents or was taken, and is not used by a claim. */
  places = 0;
  /** Of the claims: those that nothing had waited for. */
  inline = 0;
  /** Room that this turn took beyond what came with the intents. */
  taken = 0;
  /** About: of everything that is written. */
  bytes = 0;
  /** What the run's values have more. */
  added = 0;
  output: Json | undefined;
  /** Nodes whose outputs are large, as far as this turn learned them. */
  readonly large: string[] = [];

  /** The values of a node that are written with it. */
  protected value(index: number): Values {
    let values = this.values.get(index);
    if (!values) this.values.set(index, (values = {}));
    return values;
  }
}
