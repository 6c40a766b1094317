/** The items of a map, for people. */
import { FlowForgeError } from "../core/errors.ts";
import type { MapCounts } from "../core/ports/maps.ts";
import type { NodeRunDetail, Page, Store } from "../core/ports/store.ts";
import type { Plans } from "../worker/plans.ts";
import { type MapItemsOptions, mapItemsSchema, workspaceOf } from "./call-options.ts";
import { runNotFound } from "./run-control.ts";

/** How far a map has come. `begun` items were claimed at least once; each is counted in one of the five behind it. */
export interface MapProgress extends Omit<MapCounts, "next"> {
  readonly begun: number;
}

export interface MapItems extends Page<NodeRunDetail> {
  /** Of the whole map, whatever the page shows. `null`: the node has not begun. */
  readonly progress: MapProgress | null;
}

interface Parts {
  readonly store: Pick<Store, "load" | "mapPage">;
  readonly plans: Pick<Plans, "get">;
}

interface Place {
  readonly runId: string;
  readonly node: string;
}

/** Throws `option_invalid` and `run_not_found`. */
export async function mapItems(parts: Parts, place: Place, options: MapItemsOptions): Promise<MapItems> {
  const workspace = workspaceOf(options, "runs.items", mapItemsSchema);
  const { status, cursor, limit = 100 } = options;
  const page = await parts.store.mapPage({
    ...place,
    workspace,
    limit: limit + 1,
    ...(status === undefined ? {} : { status }),
    ...(cursor === undefined ? {} : { after: Number(cursor) }),
  });
  if (!page) return notBegun(parts, place, workspace);
  const { next: begun, ...counts } = page.counts;
  const items = page.items.slice(0, limit);
  const last = page.items.length > limit ? items.at(-1) : undefined;
  return { items, cursor: last ? String(last.item) : null, progress: { begun, ...counts } };
}

/** Nothing is stored of it, so its plan must say whether it is a map at all. */
async function notBegun({ store, plans }: Parts, place: Place, workspace: string): Promise<MapItems> {
  const [run] = await store.load([{ runId: place.runId, since: Number.MAX_SAFE_INTEGER }]);
  if (!run || run.header.workspace !== workspace) throw runNotFound({ runId: place.runId, workspace });
  const plan = await plans.get(run.header);
  const isMap = plan?.nodes.some((node) => node.id === place.node && node.kind === "action" && node.map);
  if (isMap) return { items: [], cursor: null, progress: null };
  throw new FlowForgeError("option_invalid", {
    subject: `the node of runs.items`,
    expected: `an action with forEach of workflow "${run.header.workflow}"`,
    received: JSON.stringify(place.node.slice(0, 80)),
    next: "Other nodes have no items; runs.get shows them.",
  });
}
