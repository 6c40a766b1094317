/** What the entry of a turn is made of. */
import type { Json } from "../core/json.ts";
import type { Plan } from "../core/graph/plan.ts";
import type { ParentRef } from "../core/ports/children.ts";
import type { NewRun } from "../core/ports/commit.ts";
import type { Advance } from "../core/run/advance.ts";
import type { RunState } from "../core/run/state.ts";
import type { Started } from "./gate.ts";
import type { Turn } from "./turn.ts";
import type { Edit } from "./turn-result.ts";

export interface EntryParts {
  readonly runId: string;
  readonly seq: number;
  readonly start: NewRun | null;
  /** The version that the run has from now on. `null`: as before. */
  readonly version: number | null;
  /** Of what the run is started with; 0 where it exists. */
  readonly startBytes: number;
  /** Of a child: what started it. */
  readonly parent: ParentRef | null;
  readonly plan: Plan;
  readonly turn: Turn;
  readonly advance: Advance;
  /** The run before the turn. */
  readonly before: RunState;
  /** Whose it is, and with what it was started. */
  readonly started: Started;
  /** What else is told of the run. */
  readonly about: {
    readonly version: number;
    readonly labels: NewRun["labels"];
    /** By node id. */
    readonly errors: ReadonlyMap<string, Json>;
  };
  /** Nodes that have a row already. */
  readonly rows: ReadonlySet<number>;
  /** Nodes whose effect may have happened twice, from earlier turns. */
  readonly duplicated: ReadonlySet<number>;
  /** Inputs that were given by hand, from earlier turns. */
  readonly edits: ReadonlyMap<number, Edit>;
}
