/**
 * Breakers and the items of a map. Items are no nodes of their own that could be parked: while a breaker is open none is claimed, and those that met it
 * are looked at again soon. What is known without an item's input is asked before items are claimed, the rest for each of them.
 */
import type { RegisteredAction } from "../../actions/registry.ts";
import type { Json } from "../../core/json.ts";
import type { ActiveRun } from "../active-run.ts";
import type { Outcome } from "../attempt.ts";
import type { BreakerUse } from "../breakers/breaker-uses.ts";
import type { BegunUse } from "../breakers/breakers.ts";
import type { RunEnvironment } from "../environment.ts";
import type { Prepared } from "../prepare.ts";
import type { ItemWork } from "./item-attempt.ts";
import type { MapNode } from "./map-node.ts";

export interface ItemBreakersOptions {
  readonly env: Pick<RunEnvironment<ActiveRun>, "breakers">;
  readonly run: ActiveRun;
  readonly node: MapNode;
  readonly action: RegisteredAction;
}

/** About as often as the sweeper looks for maps that stand still. */
export const LOOK_AGAIN_MS = 2_000;

export class ItemBreakers {
  readonly #options: ItemBreakersOptions;
  readonly #begun = new WeakMap<ItemWork, BegunUse>();
  /** Until then none is claimed, because some were refused. By `performance.now`. */
  #restUntil = 0;

  constructor(options: ItemBreakersOptions) {
    this.#options = options;
  }

  /** How many of so many items may be claimed. */
  room(wanted: number): number {
    const { breakers } = this.#options.env;
    if (!breakers) return wanted;
    return performance.now() < this.#restUntil ? 0 : breakers.room(this.#use(undefined), wanted);
  }

  /** An item whose input is no good fails by itself. */
  refuses(input: Prepared): boolean {
    const { breakers } = this.#options.env;
    if (!breakers || !input.ok || breakers.refuse(this.#use(input.value)) === null) return false;
    this.#restUntil = performance.now() + LOOK_AGAIN_MS / 2;
    return true;
  }

  /** An attempt of the item begins. */
  begun(work: ItemWork): ItemWork {
    const { breakers } = this.#options.env;
    if (breakers) this.#begun.set(work, breakers.begin(this.#use(work.input)));
    return work;
  }

  /** The outcome, which costs no attempt where a breaker knows already what it says. */
  ended<Other extends { readonly type: string }>(work: ItemWork, outcome: Outcome | Other): Outcome | Other {
    const begun = this.#begun.get(work);
    if (!begun || !isOfAttempt(outcome)) return outcome;
    const by = this.#options.env.breakers!.ended(begun, outcome);
    if (!by || outcome.type !== "failed") return outcome;
    return { ...outcome, verdict: { type: "parked", by, delayMs: LOOK_AGAIN_MS } };
  }

  #use(input: Json | undefined): BreakerUse {
    const { run, node, action } = this.#options;
    const { workspace, workflow } = run.identity!;
    return { workspace, workflow, node, action, input };
  }
}

function isOfAttempt(outcome: { readonly type: string }): outcome is Outcome {
  return outcome.type === "succeeded" || outcome.type === "failed" || outcome.type === "interrupted";
}
