/** Starts the child of a node run or of an item, or finds it: each step may be done twice, here or elsewhere. */
import { FlowForgeError } from "../core/errors.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { ParentRef } from "../core/ports/children.ts";
import type { StoredRun } from "../core/ports/stored-run.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import type { RunStatus } from "../core/run/state.ts";
import type { Loader } from "./loader.ts";
import { childFailed } from "./reports.ts";
import { isResting } from "./resting.ts";

export interface ChildTarget {
  readonly runId: string;
  readonly workspace: string;
}

export interface ChildStart extends ChildTarget {
  readonly parent: ParentRef;
  /** The input of the node: what is started, and with what. */
  readonly request: JsonObject;
  /** Workflows whose runs led to the child, the oldest first. */
  readonly chain: readonly string[];
  /** It is there to be cancelled, and begins nothing. */
  readonly parked: boolean;
}

/** What the engine does to children for the nodes that wait for them. */
export interface ChildRuns {
  /** Does nothing where the run is there. Throws what `runs.start` throws, and `children_too_deep`. */
  start(child: ChildStart): Promise<void>;
  /** Redrives the open dead letters. How many. */
  redrive(target: ChildTarget): Promise<number>;
  /** In the order of the targets. */
  cancel(
    targets: readonly ChildTarget[],
    compensate: boolean,
  ): Promise<readonly ("told" | "unknown" | "finished")[]>;
}

export interface ChildEnd {
  readonly status: "succeeded" | "failed" | "cancelled";
  /** `null` unless it succeeded. */
  readonly output: Json;
  /** What becomes of whoever waits for it, unless it succeeded. */
  readonly error: ErrorRecord;
}

export interface Opening extends Omit<ChildStart, "request" | "parked"> {
  /** A child that failed goes on where it gave up. */
  readonly mayRedrive: boolean;
}

export type Opened =
  | { readonly type: "started" }
  | { readonly type: "underWay" }
  | { readonly type: "ended"; readonly end: ChildEnd };

/** What another try would not change. */
export const DEFINITE: ReadonlySet<string> = new Set([
  "children_too_deep",
  "concurrency_key_invalid",
  "concurrency_limit_reached",
  "definition_invalid",
  "duration_invalid",
  "expression_failed",
  "input_invalid",
  "option_invalid",
  "trigger_required",
  "value_invalid",
  "workflow_not_found",
]);

export class ChildOpener {
  readonly #loader: Pick<Loader, "load">;
  readonly #runs: ChildRuns;

  constructor({
    env,
    runs,
  }: {
    readonly env: { readonly loader: Pick<Loader, "load"> };
    readonly runs: ChildRuns;
  }) {
    this.#loader = env.loader;
    this.#runs = runs;
  }

  /** Throws where another try may help. */
  async open(opening: Opening, request: () => Promise<JsonObject>): Promise<Opened> {
    const child = await this.#find(opening.runId);
    if (!child) {
      const error = await this.start(opening, { parked: false, request });
      if (!error) return { type: "started" };
      return { type: "ended", end: { status: "failed", output: null, error: recordOf(error) } };
    }
    const { status } = child.header;
    if (!isResting(status)) return { type: "underWay" };
    if (opening.mayRedrive && status === "failed" && (await this.#runs.redrive(opening)) > 0)
      return { type: "started" };
    return { type: "ended", end: endOf(child) };
  }

  /** The error, where it stays the same however often this is tried. */
  async start(
    { runId, workspace, parent, chain }: Omit<ChildStart, "request" | "parked">,
    { parked, request }: { readonly parked: boolean; readonly request: () => Promise<JsonObject> },
  ): Promise<FlowForgeError | null> {
    try {
      await this.#runs.start({ runId, workspace, parent, chain, request: await request(), parked });
      return null;
    } catch (error) {
      if (FlowForgeError.is(error) && DEFINITE.has(error.code)) return error;
      throw error;
    }
  }

  /** `null`: it has not come to rest. */
  async end(runId: string): Promise<ChildEnd | null> {
    const child = await this.#find(runId);
    return child && isResting(child.header.status) ? endOf(child) : null;
  }

  #find(runId: string): Promise<StoredRun | null> {
    return this.#loader.load({ runId, since: Number.MAX_SAFE_INTEGER, withOutput: true });
  }
}

function endOf({ header: { id, workflow, status }, output = null }: StoredRun): ChildEnd {
  return endAs({ child: id, workflow, status, output });
}

/** Of a child that came to rest. */
export function endAs(child: {
  readonly child: string;
  readonly workflow: string;
  readonly status: RunStatus;
  readonly output: Json;
}): ChildEnd {
  const { status, output } = child;
  if (status === "succeeded") return { status, output, error: childFailed({ ...child, status: "failed" }) };
  const ended = status === "cancelled" ? status : "failed";
  return { status: ended, output: null, error: childFailed({ ...child, status: ended }) };
}

export function recordOf({ code, message }: FlowForgeError): ErrorRecord {
  return { class: code, message };
}
