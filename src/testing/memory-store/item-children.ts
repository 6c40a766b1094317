/** Items of maps that started runs. */
import type { ClaimedItem } from "../../core/ports/maps.ts";
import { claimed, itemsOf } from "./map-items.ts";
import type { MemoryRun } from "./tables.ts";

interface ItemRef {
  readonly item: number;
  readonly generation: number;
}

// oxlint-disable-next-line max-params -- the map, and the page
export function withChildren(
  run: MemoryRun | undefined,
  node: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): readonly ItemRef[] {
  return itemsOf(run, node)
    .map(({ record }) => record)
    .filter(({ item, status, waitingFor }) => item > after && status === "running" && waitingFor === "child")
    .slice(0, limit)
    .map(({ item, generation }) => ({ item, generation }));
}

export function ofChildren(
  run: MemoryRun | undefined,
  node: string,
  refs: readonly ItemRef[],
): readonly (ClaimedItem & { readonly isOpen: boolean })[] {
  return itemsOf(run, node)
    .filter(({ record: { status, failure } }) => status === "running" || failure === "open")
    .filter(({ record }) =>
      refs.some(({ item, generation }) => item === record.item && generation === record.generation),
    )
    .map((row) => ({ ...claimed(row), isOpen: row.record.failure !== null }));
}
