/**
 * The private workplace of the reducer: a run's state that may be changed while it is open. The caller's state is never
 * touched: the list of nodes is copied at the first write, and every change of a node makes a new `NodeState`.
 */
import type { Plan, PlanNode } from "../graph/plan.ts";
import type { Json } from "../json.ts";
import type { Command } from "./command.ts";
import type { ErrorRecord } from "./event.ts";
import { isUnresolved, type KeptMessage, type NodeState, type RunState, type RunStatus } from "./state.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export interface Advance {
  /** The same object as before where nothing changed. */
  readonly state: RunState;
  readonly commands: readonly Command[];
  /** Indexes of the nodes whose stored fields changed, ascending. The derived counters do not count. */
  readonly changed: readonly number[];
}

export class Draft {
  readonly plan: Plan;
  readonly commands: Command[] = [];
  /** Milliseconds since 1970 by the store's clock, of the event that is being applied. */
  now = 0;
  status: RunStatus;
  paused: boolean;
  cancelled: boolean;
  compensate: boolean;
  trigger: number | null;
  kept: readonly KeptMessage[];
  startable: number;
  running: number;
  waiting: number;
  deadLetters: number;
  begun: boolean;
  /** Nodes that ended and whose outgoing edges have not been settled yet. */
  readonly ended: number[] = [];
  readonly #base: RunState;
  #nodes: readonly NodeState[];
  #own: NodeState[] | null = null;
  readonly #touched: number[] = [];
  #outputs: Map<number, Json> | null = null;
  #errors: Map<number, Json> | null = null;

  constructor(plan: Plan, state: RunState) {
    const { counts } = state;
    this.plan = plan;
    this.#base = state;
    this.#nodes = state.nodes;
    this.status = state.status;
    this.paused = state.paused;
    this.cancelled = state.cancelled;
    this.compensate = state.compensate;
    this.trigger = state.trigger;
    this.kept = state.kept;
    this.startable = counts.startable;
    this.running = counts.running;
    this.waiting = counts.waiting;
    this.deadLetters = counts.deadLetters;
    this.begun = counts.begun;
  }

  /** The node's state at this moment. */
  node(index: number): NodeState {
    return this.#nodes[index]!;
  }

  planned(index: number): PlanNode {
    return this.plan.nodes[index]!;
  }

  get nodes(): readonly NodeState[] {
    return this.#nodes;
  }

  get values(): RunState["values"] {
    const { values } = this.#base;
    if (!this.#outputs && !this.#errors) return values;
    return { ...values, outputs: this.#outputs ?? values.outputs, errors: this.#errors ?? values.errors };
  }

  edit(index: number, changes: Partial<NodeState>): void {
    const before = this.#nodes[index]!;
    const after = { ...before, ...changes };
    this.#replace(index, after);
    if (after.status !== before.status) {
      this.#count(before, -1);
      this.#count(after, 1);
    }
    if (isUnresolved(before)) this.deadLetters--;
    if (isUnresolved(after)) this.deadLetters++;
    if (after.fence > 0) this.begun = true;
  }

  /** One inbound edge of the node is settled now. Returns the node's new state. */
  settleEdge(index: number, taken: boolean): NodeState {
    const after: Writable<NodeState> = { ...this.#nodes[index]! };
    after.open--;
    if (taken) after.taken++;
    this.#replace(index, after);
    return after;
  }

  setOutput(index: number, output: Json): void {
    if (!this.plan.reads.nodes.has(index)) return;
    this.#outputs ??= new Map(this.#base.values.outputs);
    this.#outputs.set(index, output);
  }

  /** `null`: the node has no error any more. */
  setError(index: number, error: ErrorRecord | null): void {
    if (!this.plan.reads.nodes.has(index)) return;
    this.#errors ??= new Map(this.#base.values.errors);
    if (error) this.#errors.set(index, error);
    else this.#errors.delete(index);
  }

  command(command: Command): void {
    this.commands.push(command);
  }

  close(): Advance {
    const base = this.#base;
    const { commands, status, paused, cancelled, compensate, trigger, kept } = this;
    if (this.#isSame() && this.#own === null) return { state: base, commands, changed: NONE };
    const { startable, running, waiting, deadLetters, begun } = this;
    const counts = { startable, running, waiting, deadLetters, begun };
    const state = {
      status,
      paused,
      cancelled,
      compensate,
      trigger,
      nodes: this.#nodes,
      values: this.values,
      kept,
      counts,
    };
    return { state, commands, changed: this.#changed() };
  }

  /** Of the run itself. */
  #isSame(): boolean {
    const { status, paused, cancelled, compensate, kept } = this.#base;
    return (
      status === this.status &&
      paused === this.paused &&
      cancelled === this.cancelled &&
      compensate === this.compensate &&
      kept === this.kept
    );
  }

  #replace(index: number, after: NodeState): void {
    if (!this.#own) this.#nodes = this.#own = this.#nodes.slice();
    if (this.#own[index] === this.#base.nodes[index]) this.#touched.push(index);
    this.#own[index] = after;
  }

  #count(node: NodeState, by: 1 | -1): void {
    switch (node.status) {
      case "ready":
      case "queued":
        this.startable += by;
        return;
      case "running":
        this.running += by;
        return;
      case "waiting":
        this.waiting += by;
        return;
      default: // pending, or ended: neither may start, runs nor waits
    }
  }

  #changed(): readonly number[] {
    const { nodes } = this.#base;
    return this.#touched.filter((index) => differs(nodes[index]!, this.#nodes[index]!)).sort((a, b) => a - b);
  }
}

const NONE: readonly number[] = [];

function differs(a: NodeState, b: NodeState): boolean {
  return (
    a.status !== b.status ||
    a.fence !== b.fence ||
    a.outcome !== b.outcome ||
    a.attempt !== b.attempt ||
    a.losses !== b.losses ||
    a.generation !== b.generation ||
    a.dispatches !== b.dispatches ||
    a.worker !== b.worker ||
    a.waitingFor !== b.waitingFor ||
    a.dueAt !== b.dueAt ||
    a.failure !== b.failure ||
    a.deadlineAt !== b.deadlineAt ||
    a.putOffMs !== b.putOffMs ||
    a.keyFence !== b.keyFence
  );
}
