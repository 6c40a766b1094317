import type { PlanAction, PlanMap, PlanNode } from "../../core/graph/plan.ts";

export type MapNode = PlanAction & { readonly map: PlanMap };

export function isMapNode(node: PlanNode): node is MapNode {
  return node.kind === "action" && node.map !== null;
}
