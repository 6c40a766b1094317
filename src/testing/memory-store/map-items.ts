/** The items of maps, as they are read. */
import type { ClaimedItem } from "../../core/ports/maps.ts";
import type { MapPage, MapQuery } from "../../core/ports/store.ts";
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

/** The items of a map, as people see them. */
export function mapPage(run: MemoryRun | undefined, query: MapQuery): MapPage | null {
  const { workspace, node, status, after = -1, limit } = query;
  const map = run?.maps.get(node);
  if (!map || run?.header.workspace !== workspace) return null;
  const { total, next, running, waiting, done, failed, open } = map;
  const items = itemsOf(run, node)
    .filter(({ record }) => record.item > after && (!status || status.includes(record.status)))
    .slice(0, limit)
    .map(({ record, input, output }) => ({ ...record, input: parsed(input), output: parsed(output) }));
  return { counts: { total, next, running, waiting, done, failed, open }, items };
}
