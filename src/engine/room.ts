/** What the limit of a workflow means to one start. */
import { FlowForgeError } from "../core/errors.ts";
import type { PlanConcurrency } from "../core/graph/plan.ts";
import type { GateRef } from "../core/ports/gates.ts";
import { gateOf } from "../worker/gate.ts";
import type { PreparedStart } from "./prepared-start.ts";

export class Room {
  readonly #gate: GateRef;
  readonly #concurrency: PlanConcurrency;
  /** Where there is no room the run waits for it. */
  readonly mayWait: boolean;
  #waits: boolean;

  constructor(
    gate: GateRef,
    concurrency: PlanConcurrency,
    how: { readonly waits: boolean; readonly mayWait: boolean },
  ) {
    this.#gate = gate;
    this.#concurrency = concurrency;
    this.mayWait = how.mayWait;
    this.#waits = how.waits;
  }

  /** The run is stored as one that waits. */
  get waits(): boolean {
    return this.#waits;
  }

  /** There is no room now. Throws `concurrency_limit_reached` where the start is refused then. */
  wait(): void {
    if (!this.mayWait) throw this.refusal();
    this.#waits = true;
  }

  refusal(): FlowForgeError {
    const { workflow, key } = this.#gate;
    const { limit } = this.#concurrency;
    const runs = limit === 1 ? "1 run" : `${limit} runs`;
    return new FlowForgeError("concurrency_limit_reached", {
      subject: `workflow "${workflow}"${key === "" ? "" : ` with concurrency key ${JSON.stringify(key)}`}`,
      expected: `at most ${runs} at once`,
      received: "one more",
      next: "Nothing was stored. Start it again when one of them has ended.",
    });
  }
}

/**
 * `null`: the workflow has no limit. A delayed start asks for room when its time has come; one in a transaction after its commit, unless
 * it can be refused, which has to be known at once. What a rerun takes over cannot wait. Throws `concurrency_key_invalid`.
 */
export function roomFor({ plan, start, first, tx }: PreparedStart, now: number): Room | null {
  const { concurrency } = plan;
  if (!concurrency) return null;
  const { workspace, workflow, input, triggerPayload: trigger } = start;
  const gate = gateOf(concurrency, { workspace, workflow, input, trigger });
  const isRefusable = concurrency.onLimit === "reject";
  const isDelayed = first?.at !== undefined && first.at > now;
  const takesOver = (first?.replay?.length ?? 0) > 0;
  return new Room(gate, concurrency, {
    waits: isDelayed || (tx !== undefined && !isRefusable),
    mayWait: !isRefusable && !takesOver,
  });
}
