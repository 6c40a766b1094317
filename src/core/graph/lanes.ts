/** Lanes that nodes get from their actions. */
import type { NodeDocument, WorkflowDocument } from "../definition/document.ts";
import type { ActionCatalogue } from "./actions.ts";

/**
 * The document with the lane of its action in every node that names none, where the catalogue knows the action. What a run is pinned
 * to says where its work goes, so that it goes there whatever the process that reads it knows.
 */
export function withLanes(document: WorkflowDocument, catalogue: ActionCatalogue): WorkflowDocument {
  const laned = Object.entries(document.nodes).flatMap(([id, node]): [string, NodeDocument][] => {
    if (node.kind !== "action" || node.lane !== undefined) return [];
    const lane = catalogue.get(node.action)?.action.lane;
    return lane === undefined ? [] : [[id, { ...node, lane }]];
  });
  if (laned.length === 0) return document;
  return { ...document, nodes: { ...document.nodes, ...Object.fromEntries(laned) } };
}
