/** How large the drawing of a workflow would be, about, without drawing it. */
import type { WorkflowDocument } from "../../../../core/definition/document.ts";

export interface Extent {
  /** How many nodes stand behind one another on the longest way. */
  readonly ranks: number;
  /** How many stand beside one another, where they are most. */
  readonly widest: number;
}

/** Each node stands one rank behind the last of those before it. */
export function extentOf({ nodes, edges }: Pick<WorkflowDocument, "nodes" | "edges">): Extent {
  const after = new Map<string, string[]>(Object.keys(nodes).map((id) => [id, []]));
  const open = new Map(Object.keys(nodes).map((id) => [id, 0]));
  for (const { from, to } of edges) {
    after.get(from)?.push(to);
    open.set(to, (open.get(to) ?? 0) + 1);
  }
  let rank = [...open.keys()].filter((id) => open.get(id) === 0);
  let [ranks, widest] = [0, 0];
  while (rank.length > 0) {
    ranks += 1;
    widest = Math.max(widest, rank.length);
    const next: string[] = [];
    for (const to of rank.flatMap((id) => after.get(id) ?? [])) {
      const left = open.get(to)! - 1;
      open.set(to, left);
      if (left === 0) next.push(to);
    }
    rank = next;
  }
  return { ranks, widest };
}
