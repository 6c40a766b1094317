/** Names of events of the engine's own that a trigger or a wait listens for, and that it does not publish. */
import type { NodeDocument } from "../definition/document.ts";
import { isNoEvent, OWN_EVENTS } from "../definition/own-events.ts";
import { type Issue, type IssuePath, makeIssue } from "./issues.ts";
import type { Subject } from "./subject.ts";

export function eventNameIssues({ document, graph, damaged, suggestions }: Subject): readonly Issue[] {
  return graph.ids.flatMap((id) => {
    const heard = damaged.has(id) ? null : eventOf(document.nodes[id] as NodeDocument);
    if (heard === null || !isNoEvent(heard.name)) return [];
    return [
      makeIssue("event_unknown", ["nodes", id, ...heard.path], {
        message: `The engine publishes no event "${heard.name}", and nobody else may.`,
        next: `Use one of ${OWN_EVENTS.join(", ")}, or a name that does not begin with "flowforge.".${suggestions.for(heard.name, OWN_EVENTS)}`,
      }),
    ];
  });
}

function eventOf(node: NodeDocument): { readonly name: string; readonly path: IssuePath } | null {
  if (node.kind === "trigger" && node.source?.type === "event")
    return { name: node.source.name, path: ["source", "name"] };
  if (node.kind === "wait" && "event" in node.for) return { name: node.for.event, path: ["for", "event"] };
  return null;
}
