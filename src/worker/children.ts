/**
 * The children of the runs that this process decides: started, taken up again, and told to stop, once the turn that asks for it is
 * durable. Each step may be done twice, here or elsewhere; what is lost on the way is asked for again by the timer of the node.
 */
import type { Json, JsonObject } from "../core/json.ts";
import type { ParentRef } from "../core/ports/children.ts";
import type { Event } from "../core/run/event.ts";
import type { ActiveRun } from "./active-run.ts";
import { chainOfRun } from "./announcements.ts";
import { type ChildEnd, ChildOpener, type ChildRuns, type ChildTarget, recordOf } from "./child-opener.ts";
import type { RunEnvironment } from "./environment.ts";
import type { Intent } from "./intent.ts";
import { childRunId } from "./run-id.ts";
import type { ChildOrder } from "./turn-result.ts";

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
  readonly chain: readonly string[];
  readonly isFirst: boolean;
  readonly compensate: boolean;
  /** `null`: it is to be read. */
  readonly request: Json | null;
}

export class Children {
  readonly #options: ChildrenOptions;
  readonly #opener: ChildOpener;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(options: ChildrenOptions) {
    this.#options = options;
    this.#opener = new ChildOpener(options);
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

  async #open(bond: Bond): Promise<void> {
    const opened = await this.#opener.open({ ...bond, mayRedrive: bond.isFirst }, () => this.#request(bond));
    if (opened.type === "ended") return this.#end(bond, opened.end);
    // The timer that asks again is stopped once it has asked: most children end before.
    if (opened.type === "underWay" && !bond.isFirst)
      await this.#tell(bond.parent, (node) => ({ type: "childSeen", node, fence: bond.fence }));
  }

  /** The input of the node: what is started, and with what. */
  async #request({ parent: { runId, node }, fence, request }: Bond): Promise<JsonObject> {
    if (request) return request as JsonObject;
    const [input] = await this.#options.env.store.inputs([{ runId, node, item: -1, fence }]);
    return (input ?? {}) as JsonObject;
  }

  // ------------------------------------------------------------------ cancelling

  /** One that is not there yet may be about to be started elsewhere: it is stored, so that it can be told. */
  async #cancel(bond: Bond): Promise<void> {
    const { runs } = this.#options;
    let [told] = await runs.cancel([bond], bond.compensate);
    if (told === "unknown") {
      const error = await this.#opener.start(bond, { parked: true, request: () => this.#request(bond) });
      if (error) return this.#end(bond, { status: "cancelled", output: null, error: recordOf(error) });
      [told] = await runs.cancel([bond], bond.compensate);
    }
    if (told !== "finished") return;
    const end = await this.#opener.end(bond.runId);
    if (end) return this.#end(bond, end);
  }

  // ------------------------------------------------------------------ telling the parent

  async #end({ parent }: Bond, end: ChildEnd): Promise<void> {
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
  const { workspace } = run.identity!;
  const parent = parentOf(run, { node: run.plan!.nodes[index]!.id, generation });
  const { compensate } = run.state!;
  return {
    runId: childRunId(parent),
    workspace,
    parent,
    chain: chainOfRun(run.started),
    fence,
    isFirst,
    compensate,
    request: request ?? null,
  };
}

/** What a child of this node run, or item, knows of it. */
export function parentOf(
  { id, identity }: Pick<ActiveRun, "id" | "identity">,
  of: Pick<ParentRef, "node" | "item" | "generation">,
): ParentRef {
  const above = identity!.parent;
  return { runId: id, ...of, root: above?.root ?? id, depth: (above?.depth ?? 0) + 1 };
}
