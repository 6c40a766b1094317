/** A map of a run, as the key of a collection. */
import type { MapRef } from "../../core/ports/maps.ts";

export function mapKeyOf({ runId, node }: MapRef): string {
  return `${runId} ${node}`;
}
