/** The reaper: node runs whose worker is dead or missing are taken from it, by their action's effect class. */
import type { ActionRegistry } from "../../actions/registry.ts";
import type { Plan } from "../../core/graph/plan.ts";
import type { NodeRef, Store } from "../../core/ports/store.ts";
import type { Lease } from "../lease.ts";
import type { RunTable } from "../run-table.ts";
import type { Intent } from "../intent.ts";
import { lossVerdict } from "../loss.ts";
import { mapKeyOf } from "../maps/map-key.ts";
import { keyOf, resultOf, UnderWay } from "./under-way.ts";

const PAGE = 500;

export interface ReaperOptions {
  readonly store: Store;
  readonly table: RunTable;
  readonly registry: ActionRegistry;
  readonly lease: Lease;
  readonly leaseMs: number;
}

export function reaperRound(options: ReaperOptions): () => Promise<number> {
  const everyMs = Math.min(2_000, options.leaseMs / 2);
  const underWay = new UnderWay();
  const maps = new UnderWay();
  return async () => {
    const { store, table, registry, lease, leaseMs } = options;
    const { watch } = lease;
    if (watch === null) return everyMs;
    const orphans = await store.reap({ leaseMs, watch, limit: PAGE });
    const items = Map.groupBy(
      orphans.filter(({ item }) => item >= 0),
      mapKeyOf,
    );
    const taken = await maps.ask([...items.values()], {
      keyOf: ([first]) => mapKeyOf(first!),
      submit: async (group) => resultOf(await table.maps.lost(group)),
    });
    const nodes = orphans.filter(({ item }) => item < 0);
    const applied = await underWay.ask(nodes, {
      keyOf,
      submit: (ref) => table.submitFor(ref, (node, plan) => lossOf({ registry, plan, node, ref })),
    });
    return orphans.length === PAGE && applied + taken > 0 ? 0 : everyMs;
  };
}

/**
 * What the loss of a node run means. A node whose action is not known here is left to a worker that knows it: only the
 * action says whether it may run again.
 */
export function lossOf(loss: {
  registry: ActionRegistry;
  plan: Plan;
  node: number;
  ref: NodeRef;
}): Intent | null {
  const { registry, plan, node, ref } = loss;
  const planned = plan.nodes[node]!;
  const action = planned.kind === "action" ? registry.get(planned.action) : undefined;
  if (!action) return null;
  const { verdict, error, unknown } = lossVerdict(action);
  return {
    type: "event",
    event: { type: "leaseLost", node, fence: ref.fence, verdict, error },
    possiblyDuplicated: unknown,
  };
}
