/** The breakers of a worker, where the host wants some. */
import type { Plan } from "../../core/graph/plan.ts";
import type { Intent, IntentResult } from "../intent.ts";
import type { WorkerOptions } from "../worker-options.ts";
import { Breakers, type BreakersOptions } from "./breakers.ts";

interface BreakerParts extends Pick<BreakersOptions, "now" | "room" | "wake"> {
  submit(
    ref: { readonly runId: string; readonly node: string },
    make: (node: number, plan: Plan) => Intent,
  ): Promise<IntentResult>;
}

export function newBreakers(
  { breakers, store, logger, lanes, registry }: WorkerOptions,
  { submit, ...parts }: BreakerParts,
): Breakers | null {
  if (!breakers) return null;
  return new Breakers({
    ...breakers,
    ...parts,
    store,
    logger,
    fits: { lanes, actions: registry.names() },
    offer: (ref) => submit(ref, (node) => ({ type: "offer", node, fence: ref.fence })),
  });
}
