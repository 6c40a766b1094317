/**
 * The children of the runs that this process decides: started, taken up again, and told to stop, once the turn that asks for it is
 * durable. Each step may be done twice, here or elsewhere; what is lost on the way is asked for again by the timer of the node.
 */
import { FlowForgeError } from "../core/errors.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { ParentRef } from "../core/ports/children.ts";
import type { StoredRun } from "../core/ports/stored-run.ts";
import type { Event } from "../core/run/event.ts";
import type { ActiveRun } from "./active-run.ts";
import { isResting } from "./resting.ts";
import type { RunEnvironment } from "./environment.ts";
import type { Intent } from "./intent.ts";
import { childFailed } from "./reports.ts";
import { childRunId } from "./run-id.ts";
import type { ChildOrder } from "./turn-result.ts";

export interface ChildStart {
  readonly runId: string;
  readonly workspace: string;
  readonly parent: ParentRef;
  /** The input of the node: what is started, and with what. */
  readonly request: JsonObject;
  /** It is there to be cancelled, and begins nothing. */
  readonly parked: boolean;
}

/** What the engine does to children for the nodes that wait for them. */
export interface ChildRuns {
  /** Does nothing where the run is there. Throws what `runs.start` throws, and `children_too_deep`. */
  start(child: ChildStart): Promise<void>;
  /** Redrives the open dead letters. How many. */
  redrive(target: ChildTarget): Promise<number>;
  cancel(target: ChildTarget & { readonly compensate: boolean }): Promise<"told" | "unknown" | "finished">;
}

export interface ChildTarget {
  readonly runId: string;
  readonly workspace: string;
}

export interface ChildrenOptions {
  readonly env: RunEnvironment<ActiveRun>;
  readonly runs: ChildRuns;
  /** To a node that is known by name: the run may have another version by then. */
  readonly submit: (
    ref: { readonly runId: string; readonly node: string },
    make: (node: number) => Intent,
  ) => Promise<unknown>;
}

/** A node run and its child. */
interface Bond extends ChildTarget {
  readonly parent: ParentRef;
  readonly fence: number;
  readonly isFirst: boolean;
  readonly compensate: boolean;
  /** `null`: it is to be read. */
  readonly request: Json | null;
}

type End = Pick<Event<"childEnded">, "status" | "output" | "error">;

/** What another try would not change. */
const DEFINITE: ReadonlySet<string> = new Set([
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

export class Children {
  readonly #options: ChildrenOptions;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(options: ChildrenOptions) {
    this.#options = options;
  }

  /** A turn of the run is durable that gives this order. `request`: the input of the node, where the turn has it. */
  obey(run: ActiveRun, { type, node, ...order }: ChildOrder, request: Json | undefined): void {
    const bond = bondOf(run, node, { isFirst: "isFirst" in order && order.isFirst, request });
    // In order: what is being started is told to stop after that.
    const before = this.#underWay.get(bond.runId) ?? Promise.resolve();
    const done = before.then(() => this.#do(type, bond));
    this.#underWay.set(bond.runId, done);
    void done.then(() => {
      if (this.#underWay.get(bond.runId) === done) this.#underWay.delete(bond.runId);
    });
  }

  /** Resolves when nothing is under way. */
  async quiet(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
  }

  async #do(type: ChildOrder["type"], bond: Bond): Promise<void> {
    try {
      await (type === "openChild" ? this.#open(bond) : this.#cancel(bond));
    } catch (error) {
      const { runId, parent } = bond;
      this.#options.env.logger.warn(
        { error, runId, parent: parent.runId, node: parent.node },
        "a child run could not be started or told; it is tried again",
      );
    }
  }

  // ------------------------------------------------------------------ opening

  async #open(bond: Bond): Promise<void> {
    const child = await this.#find(bond);
    if (!child) return this.#start(bond);
    const { status } = child.header;
    if (!isResting(status)) return this.#seen(bond);
    // Redriven: the child goes on where it gave up.
    if (bond.isFirst && status === "failed" && (await this.#options.runs.redrive(bond)) > 0) return;
    return this.#end(bond, endOf(child));
  }

  async #start(bond: Bond): Promise<void> {
    const error = await this.#tryStart(bond, false);
    if (error) return this.#end(bond, { status: "failed", output: null, error: recordOf(error) });
  }

  /** The error, where it stays the same however often this is tried. */
  async #tryStart(bond: Bond, parked: boolean): Promise<FlowForgeError | null> {
    const { runId, workspace, parent } = bond;
    const request = (bond.request ?? (await this.#read(bond))) as JsonObject;
    try {
      await this.#options.runs.start({ runId, workspace, parent, request, parked });
      return null;
    } catch (error) {
      if (FlowForgeError.is(error) && DEFINITE.has(error.code)) return error;
      throw error;
    }
  }

  async #read({ parent, fence }: Bond): Promise<Json> {
    const { runId, node } = parent;
    const [input] = await this.#options.env.store.inputs([{ runId, node, item: -1, fence }]);
    return input ?? null;
  }

  #find({ runId }: Bond): Promise<StoredRun | null> {
    const { loader } = this.#options.env;
    return loader.load({ runId, since: Number.MAX_SAFE_INTEGER, withOutput: true });
  }

  async #seen({ parent, fence, isFirst }: Bond): Promise<void> {
    // The timer that asks again is stopped once it has asked: most children end before.
    if (!isFirst) await this.#tell(parent, (node) => ({ type: "childSeen", node, fence }));
  }

  // ------------------------------------------------------------------ cancelling

  /** One that is not there yet may be about to be started elsewhere: it is stored, so that it can be told. */
  async #cancel(bond: Bond): Promise<void> {
    const { runs } = this.#options;
    let told = await runs.cancel(bond);
    if (told === "unknown") {
      const error = await this.#tryStart(bond, true);
      if (error) return this.#end(bond, { status: "cancelled", output: null, error: recordOf(error) });
      told = await runs.cancel(bond);
    }
    if (told !== "finished") return;
    const child = await this.#find(bond);
    if (child && isResting(child.header.status)) return this.#end(bond, endOf(child));
  }

  // ------------------------------------------------------------------ telling the parent

  async #end({ parent }: Bond, end: End): Promise<void> {
    const { generation } = parent;
    await this.#tell(parent, (node) => ({ type: "childEnded", node, generation, ...end }));
  }

  async #tell(parent: ParentRef, event: (node: number) => Event<"childEnded" | "childSeen">): Promise<void> {
    await this.#options.submit(parent, (node) => ({ type: "event", event: event(node) }));
  }
}

function bondOf(
  run: ActiveRun,
  index: number,
  { isFirst, request }: { readonly isFirst: boolean; readonly request: Json | undefined },
): Bond {
  const { generation, fence } = run.state!.nodes[index]!;
  const { workspace, parent: above } = run.identity!;
  const parent = {
    runId: run.id,
    node: run.plan!.nodes[index]!.id,
    generation,
    root: above?.root ?? run.id,
    depth: (above?.depth ?? 0) + 1,
  };
  const { compensate } = run.state!;
  return {
    runId: childRunId(parent),
    workspace,
    parent,
    fence,
    isFirst,
    compensate,
    request: request ?? null,
  };
}

function endOf({ header: { id, workflow, status }, output = null }: StoredRun): End {
  if (status === "succeeded")
    return { status, output, error: childFailed({ child: id, workflow, status: "failed" }) };
  const ended = status === "cancelled" ? status : "failed";
  return { status: ended, output: null, error: childFailed({ child: id, workflow, status: ended }) };
}

function recordOf({ code, message }: FlowForgeError): Event<"childEnded">["error"] {
  return { class: code, message };
}
