/** What the model keeps: the history of every node, the values, and the commands of the present event. */
import type { Scope } from "../../../src/core/expression/expression.ts";
import type { Json } from "../../../src/core/json.ts";
import type { ErrorRecord } from "../../../src/core/run/event.ts";
import type { NodeState } from "../../../src/core/run/state.ts";
import { type Fact, isEnded, tell, type Told } from "./model-facts.ts";
import { edgeState, type WaitSpec } from "./model-rules.ts";
import { compensated, type PlanSpec, undoing, VALUES } from "./plans.ts";

export const OUTPUT = "$output";

/** So often somebody looks whether a child was started, or told. */
export const LOOK_MS = 10_000;

/** A command by what it is about: `dispatch 3`, `deadLetter 2 poison`. */
export type ModelCommand = string;

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly on: string | null;
}

export class Ledger {
  readonly ids: readonly string[];
  /** By the node that undoes it: the node that is undone. In the order in which they run. */
  readonly undone: ReadonlyMap<string, string>;
  readonly spec: PlanSpec;
  readonly edges: readonly Edge[];
  readonly outputs: Map<string, Json> = new Map();
  readonly errors: Map<string, Json> = new Map();
  readonly #history = new Map<string, readonly Fact[]>();
  protected commands: ModelCommand[] = [];
  now = 0;
  paused = false;

  constructor(spec: PlanSpec) {
    this.spec = spec;
    this.undone = new Map(compensated(spec).map((id) => [undoing(id), id]));
    this.ids = [...Object.keys(spec.nodes), ...this.undone.keys(), OUTPUT];
    this.edges = spec.edges.map(([from, to, on]) => ({ from, to, on: on ?? null }));
    for (const id of this.ids) this.#history.set(id, []);
  }

  /** What the reducer should say of this node. */
  told(id: string): Told {
    return tell(this.#history.get(id)!);
  }

  /** Inbound edges that are open, and that were taken. */
  inbound(id: string): Pick<NodeState, "open" | "taken"> {
    const states = this.edges.filter((edge) => edge.to === id).map((edge) => this.edgeState(edge));
    return {
      open: states.filter((state) => state === "open").length,
      taken: states.filter((state) => state === "taken").length,
    };
  }

  edgeState({ from, on }: Edge): "open" | "taken" | "dead" {
    return edgeState(this.told(from), on);
  }

  /** `join` is a race, and the node is before it and leads nowhere else. */
  calledOffBy(id: string, join: string): boolean {
    const spec = this.spec.nodes[join];
    if (id === join || id === OUTPUT || spec?.kind === "trigger" || spec?.join !== "race") return false;
    const seen = new Set([id]);
    // Whatever can be reached without going through the join: if something ends there, the node leads elsewhere too.
    for (const at of seen) {
      const next = this.edges.filter((edge) => edge.from === at).map((edge) => edge.to);
      if (next.length === 0) return false;
      for (const to of next) if (to !== join) seen.add(to);
    }
    return true;
  }

  wait(id: string): WaitSpec {
    return this.spec.nodes[id] as WaitSpec;
  }

  waits(): readonly string[] {
    return this.ids.filter((id) => this.spec.nodes[id]?.kind === "wait");
  }

  offer(id: string): void {
    this.note(id, { is: "offered" });
    if (this.paused) return;
    if (this.isLate(id, 0)) this.giveUpLate(id);
    else this.command("dispatch", id);
  }

  isLate(id: string, inMs: number): boolean {
    const { deadlineAt } = this.told(id);
    return deadlineAt !== null && deadlineAt <= this.now + inMs;
  }

  giveUpLate(id: string): void {
    this.failDecided(id, { class: "deadline_exceeded", message: "" });
  }

  /** A pause before the next attempt, unless that would come too late. */
  tryAfter(id: string, delayMs: number, pause: { refunded?: boolean; putOff?: number } = {}): void {
    if (this.isLate(id, delayMs)) this.giveUpLate(id);
    else this.enter(id, { reason: "retry", delayMs, ...pause });
  }

  /** The other side said when to come back. */
  putOff(id: string, byMs: number): void {
    const tooLong = this.told(id).putOffMs + byMs > 86_400_000;
    if (tooLong) this.failDecided(id, { class: "put_off_too_long", message: "" });
    else this.tryAfter(id, byMs, { refunded: true, putOff: byMs });
  }

  /** What it met was known already. */
  tryInVain(id: string, delayMs: number): void {
    if (this.isLate(id, 0)) this.giveUpLate(id);
    else this.note(id, { is: "inVain", due: this.now + delayMs });
  }

  enter(
    id: string,
    wait: {
      reason: "timer" | "message" | "retry" | "key" | "child";
      delayMs: number | null;
      refunded?: boolean;
      putOff?: number;
    },
  ): void {
    const { reason, delayMs, refunded = false, putOff = 0 } = wait;
    const due = delayMs === null ? null : this.now + delayMs;
    this.note(id, { is: "entered", reason, due, refunded, putOff });
    this.command("schedule", id, delayMs);
  }

  decided(id: string, outcome: string, output: Json): void {
    this.outputs.set(id, output);
    this.command("record", id, JSON.stringify(output), null);
    this.note(id, { is: "ended", as: "succeeded", outcome });
  }

  failDecided(id: string, error: ErrorRecord): void {
    this.command("record", id, "null", error.class);
    this.giveUp(id, error);
  }

  giveUp(id: string, error: ErrorRecord): void {
    if (!this.edges.some((edge) => edge.from === id && edge.on === "error")) return this.park(id, error);
    this.errors.set(id, error.class);
    this.note(id, { is: "ended", as: "failed", outcome: "error" });
  }

  park(id: string, error: ErrorRecord): void {
    this.errors.set(id, error.class);
    this.note(id, { is: "parked" });
    this.command("deadLetter", id, error.class);
  }

  /** Nobody wants it any more. */
  stop(id: string): void {
    const told = this.told(id);
    if (told.waitingFor === "child") this.lookAfter(id, true);
    else if (told.status === "running" && id !== OUTPUT) this.command("abort", id);
    else if (!isEnded(told)) this.cancelNode(id);
  }

  /** Somebody looks after the child of the node: to start it, or to call it off. */
  lookAfter(id: string, unwanted: boolean): void {
    this.note(id, { is: "looked", due: this.now + LOOK_MS });
    this.command("schedule", id, LOOK_MS);
    if (unwanted) this.command("cancelChild", id);
    else this.command("openChild", id, "false");
  }

  cancelNode(id: string): void {
    this.note(id, { is: "ended", as: "cancelled", outcome: null });
  }

  note(id: string, fact: Fact): void {
    this.#history.set(id, [...this.#history.get(id)!, fact]);
  }

  command(type: string, id: string, ...rest: readonly (string | number | null)[]): void {
    this.commands.push([type, this.ids.indexOf(id), ...rest.map(String)].join(" "));
  }

  scope(): Scope {
    const nodes: Record<string, { status: string; output: Json; error: Json }> = {};
    for (const id of this.ids) {
      const { status } = this.told(id);
      nodes[id] = {
        status,
        output: status === "succeeded" ? (this.outputs.get(id) ?? null) : null,
        error: status === "failed" ? (this.errors.get(id) ?? null) : null,
      };
    }
    return { input: VALUES.input, trigger: VALUES.trigger, run: VALUES.run, nodes };
  }
}
