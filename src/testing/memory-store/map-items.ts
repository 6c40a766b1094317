/** The items of maps, as they are read. */
import type { ClaimedItem } from "../../core/ports/maps.ts";
import { parsed } from "./json-text.ts";
import { nodeKey, type MemoryNode, type MemoryRun } from "./tables.ts";

/** In the order of the list. */
export function itemsOf(run: MemoryRun | undefined, node: string): readonly MemoryNode[] {
  const items: MemoryNode[] = [];
  const map = run?.maps.get(node);
  // Items of a map that undoes another one have the places of those.
  const { total = 0 } = (map?.undoes ? run!.maps.get(map.undoes) : map) ?? {};
  for (let item = 0; item < total; item++) {
    const row = run!.nodes.get(nodeKey({ node, item }));
    if (row) items.push(row);
  }
  return items;
}

export function claimed({ record, input }: MemoryNode): ClaimedItem {
  const { item, fence, attempt, losses, generation, keyFence, putOffMs, edited } = record;
  return { item, fence, attempt, losses, generation, keyFence, putOffMs, edited, input: parsed(input) };
}
