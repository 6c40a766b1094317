/** The triggers of a document that something outside fires, and the names by which they are found. */
import type { WorkflowDocument } from "../definition/document.ts";
import type { BoundSource } from "../ports/triggers.ts";

export interface NamedTrigger {
  readonly node: string;
  readonly name: string | null;
  readonly source: BoundSource;
}

/** In the order of the document. */
export function boundTriggers({ nodes }: WorkflowDocument): readonly NamedTrigger[] {
  return Object.entries(nodes).flatMap(([node, { kind, ...fields }]) => {
    if (kind !== "trigger" || !("source" in fields)) return [];
    const { source } = fields;
    if (source === undefined || source.type === "manual") return [];
    return [{ node, name: nameOf(source), source }];
  });
}

function nameOf(source: BoundSource): string | null {
  switch (source.type) {
    case "webhook":
      return source.path;
    case "event":
      return source.name;
    case "schedule":
    case "poll":
      return null;
  }
}
