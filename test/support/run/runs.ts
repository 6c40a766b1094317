/** A run in the hands of a test: events by the names of nodes, and the fence that the node has at that moment. */
import type { RetryPolicy } from "../../../src/core/definition/retry.ts";
import type { Plan } from "../../../src/core/graph/plan.ts";
import type { Json } from "../../../src/core/json.ts";
import { advance, newRun } from "../../../src/core/run/advance.ts";
import type { Command } from "../../../src/core/run/command.ts";
import type { ErrorRecord, FailureVerdict, RunEvent } from "../../../src/core/run/event.ts";
import type { NodeState, RunState, RunValues } from "../../../src/core/run/state.ts";
import { written } from "./compare.ts";
import { VALUES } from "./plans.ts";

export const NOW = 1_000_000;
export const ERROR: ErrorRecord = { class: "http", message: "it failed" };
export const NEVER: RetryPolicy = { immediate: 0, backoffMs: [] };

interface Failure {
  readonly verdict?: Exclude<FailureVerdict["type"], "parked">;
  readonly afterMs?: number;
  readonly retry?: RetryPolicy;
  readonly random?: number;
  readonly error?: ErrorRecord;
}

export class TestRun {
  readonly plan: Plan;
  state: RunState;
  now: number = NOW;
  /** Of the last event. */
  commands: readonly Command[] = [];
  #messages = 0;

  /** Starts at the first trigger, unless told otherwise. */
  constructor(
    plan: Plan,
    { values = VALUES, trigger = 0 }: { values?: RunValues; trigger?: number | null } = {},
  ) {
    this.plan = plan;
    this.state = newRun(plan, values);
    if (trigger !== null) this.send({ type: "started", trigger });
  }

  /** What the commands of the last event say, in their order. */
  get said(): readonly string[] {
    return this.commands.map((command) => {
      const [type, node, ...rest] = written(command).split(" ");
      const id = "node" in command ? this.plan.nodes[Number(node)]!.id : node;
      return [type, id, ...rest].join(" ");
    });
  }

  send(event: RunEvent): this {
    const { state, commands } = advance(this.plan, this.state, event, this.now);
    this.state = state;
    this.commands = commands;
    return this;
  }

  node(id: string): NodeState {
    return this.state.nodes[this.index(id)]!;
  }

  index(id: string): number {
    const index = this.plan.indexOf.get(id);
    if (index === undefined) throw new Error(`no node ${id}`);
    return index;
  }

  /** The status of every node but triggers and `$output`. */
  get statuses(): { readonly [id: string]: string } {
    const shown = this.plan.nodes.filter(({ kind }) => kind !== "trigger" && kind !== "output");
    return Object.fromEntries(shown.map(({ id, index }) => [id, this.state.nodes[index]!.status]));
  }

  claim(id: string, worker = "w"): this {
    return this.send({ type: "claimed", worker, ...this.#at(id) });
  }

  enqueue(id: string): this {
    return this.send({ type: "enqueued", node: this.index(id) });
  }

  giveBack(id: string, delayMs = 2_000): this {
    return this.send({ type: "givenBack", delayMs, ...this.#at(id) });
  }

  release(id: string): this {
    return this.send({ type: "released", ...this.#at(id) });
  }

  lose(id: string, verdict: FailureVerdict = { type: "retry" }, error: ErrorRecord = ERROR): this {
    return this.send({ type: "leaseLost", verdict, error, ...this.#at(id) });
  }

  succeed(id: string, output: Json = null): this {
    return this.send({ type: "succeeded", output, ...this.#at(id) });
  }

  fail(id: string, failure: Failure = {}): this {
    const { verdict: type = "permanent", afterMs = 0, retry = NEVER, random = 0, error = ERROR } = failure;
    const verdict = type === "later" || type === "notYet" ? { type, afterMs } : { type };
    return this.send({ type: "failed", error, verdict, retry, random, ...this.#at(id) });
  }

  /** Claimed and done at once. */
  run(id: string, output: Json = null): this {
    return this.claim(id).succeed(id, output);
  }

  fire(id: string): this {
    return this.send({ type: "timerFired", ...this.#at(id) });
  }

  signal(name: string, payload: Json = null, receivedAt: number = this.now): this {
    return this.send({ type: "signalled", id: this.#messageId(), name, payload, receivedAt });
  }

  event(name: string, payload: Json = null, receivedAt: number = this.now): this {
    return this.send({ type: "eventReceived", id: this.#messageId(), name, payload, receivedAt });
  }

  redrive(id: string, newKey = false): this {
    return this.send({ type: "redriven", node: this.index(id), newKey });
  }

  complete(id: string, output: Json = null, outcome?: string): this {
    const chosen = outcome === undefined ? {} : { outcome };
    return this.send({ type: "completed", node: this.index(id), output, ...chosen });
  }

  discard(id: string): this {
    return this.send({ type: "discarded", node: this.index(id) });
  }

  pause(): this {
    return this.send({ type: "paused" });
  }

  resume(): this {
    return this.send({ type: "resumed" });
  }

  cancel(compensate = false): this {
    return this.send({ type: "cancelled", compensate });
  }

  #at(id: string): { readonly node: number; readonly fence: number } {
    return { node: this.index(id), fence: this.node(id).fence };
  }

  #messageId(): string {
    return `m${++this.#messages}`;
  }
}
