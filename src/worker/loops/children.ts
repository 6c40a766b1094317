/** Tells runs how their children ended. Right after an end, and now and then for ends whose process was lost. */
import type { ItemChildEnd } from "../../core/ports/children.ts";
import type { Store } from "../../core/ports/store.ts";
import type { IntentResult } from "../intent.ts";
import { mapKeyOf } from "../maps/map-key.ts";
import { UnderWay } from "./under-way.ts";

const PAGE = 500;
const EVERY_MS = 1_000;
/** Where somebody holds a parent for a moment. */
const SOON_MS = 20;
const LATELY_MS = 1_000;

export interface ChildrenRound {
  readonly store: Pick<Store, "tellParents" | "itemChildEnds">;
  /** Children of items came to rest. */
  readonly ended: (ends: readonly ItemChildEnd[]) => Promise<void>;
  /** The run has a message. */
  readonly look: (runId: string) => void;
  /** When a child came to rest in this process for the last time, as `performance.now` counts. */
  readonly restedAt: () => number;
}

export function childrenRound({ store, ended, look, restedAt }: ChildrenRound): () => Promise<number> {
  const maps = new UnderWay();
  const tell = async (ends: readonly ItemChildEnd[]): Promise<IntentResult> => {
    await ended(ends);
    return "applied";
  };
  return async () => {
    const told = await store.tellParents(PAGE);
    for (const runId of told) look(runId);
    const groups = Map.groupBy(await store.itemChildEnds(PAGE), ({ parent }) => mapKeyOf(parent));
    const applied = await maps.ask([...groups.values()], {
      keyOf: ([first]) => mapKeyOf(first!.parent),
      submit: tell,
    });
    if (told.length > 0 || applied > 0) return 0;
    return performance.now() - restedAt() < LATELY_MS ? SOON_MS : EVERY_MS;
  };
}
