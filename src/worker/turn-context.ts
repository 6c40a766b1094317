/** What a turn works with: the run as it is known here, and what this process can do. */
import type { ActionRegistry } from "../actions/registry.ts";
import type { Plan } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";
import type { Limits } from "../core/values.ts";
import type { RunAdmission } from "./admission/run-admission.ts";
import type { Workshop } from "./intent.ts";
import type { RunData } from "./prepare.ts";
import type { Edit } from "./turn-result.ts";

export interface TurnContext {
  readonly runId: string;
  readonly workspace: string;
  readonly plan: Plan;
  /** Of the plan. */
  readonly version: number;
  /** The run is under this plan for the first time: the first message says so, and the turn is nothing without it. */
  readonly moved?: boolean;
  readonly data: RunData;
  /** Inputs that were given by hand, by node. */
  readonly edits: ReadonlyMap<number, Edit>;
  /** Outputs of maps that messages say have ended, where a condition or a wait reads them. */
  readonly mapOutputs: ReadonlyMap<string, Json>;
  readonly registry: ActionRegistry;
  readonly limits: Limits;
  /** Bytes of the run's values before the turn. */
  readonly bytes: number;
  readonly workshop: Workshop | null;
  readonly now: () => number;
  readonly random: () => number;
  /** The run begins with this turn. */
  readonly isStart?: boolean;
  /** Absent where nothing can begin here. */
  readonly admission?: RunAdmission;
  /** What is ready stays so: the run may never come to be. */
  readonly deferred?: boolean;
  /** Nodes that share a key with other runs are not begun: the commit must not be refused because of one. */
  readonly keyless?: boolean;
}
