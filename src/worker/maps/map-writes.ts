/** What a turn says of maps: it follows from how their nodes were before the turn, and how they are after it. */
import type { Plan } from "../../core/graph/plan.ts";
import type { MapWrite } from "../../core/ports/maps.ts";
import type { CommitEntry } from "../../core/ports/commit.ts";
import type { Advance } from "../../core/run/advance.ts";
import { isMapped, isOverdue } from "../../core/run/maps.ts";
import type { NodeState, RunState } from "../../core/run/state.ts";
import type { TurnResult } from "../turn-result.ts";
import { isMapNode, type MapNode } from "./map-node.ts";

interface Parts {
  readonly plan: Plan;
  readonly turn: Pick<TurnResult, "maps" | "items" | "aborts">;
  readonly before: RunState;
  readonly advance: Advance;
}

export function mapWrites({ plan, turn, before, advance }: Parts): Pick<CommitEntry, "maps" | "items"> {
  const aborted = new Set(turn.aborts);
  const maps: MapWrite[] = [];
  for (const index of new Set([...advance.changed, ...aborted])) {
    const node = plan.nodes[index]!;
    if (!isMapNode(node)) continue;
    const total = turn.maps.get(index);
    const was = before.nodes[index]!;
    const now = advance.state.nodes[index]!;
    if (total !== undefined) maps.push(...begun(plan, node, { now, total }));
    else maps.push(...changed(node.id, { was, now, isAborted: aborted.has(index) }));
  }
  const { items } = turn;
  return { ...(maps.length > 0 ? { maps } : {}), ...(items.length > 0 ? { items } : {}) };
}

/** A map that has begun and ended in one turn was never there. */
function begun(
  plan: Plan,
  { id: node, map, compensates }: MapNode,
  { now, total }: { now: NodeState; total: number | "undo" },
): MapWrite[] {
  if (!isMapped(now)) return [];
  const { concurrency, collect } = map;
  const { fence } = now;
  if (total !== "undo") return [{ type: "start", node, fence, total, concurrency, collect }];
  return [{ type: "undo", node, fence, concurrency, undoes: plan.nodes[compensates!]!.id }];
}

function changed(
  node: string,
  { was, now, isAborted }: { was: NodeState; now: NodeState; isAborted: boolean },
): MapWrite[] {
  const writes: MapWrite[] = [];
  const wasMapped = isMapped(was);
  const { fence, failure } = now;
  if (isMapped(now)) {
    const wasOverdue = isOverdue(was);
    if (isAborted || (isOverdue(now) && !wasOverdue)) writes.push({ type: "close", node, fence });
    else if (wasOverdue && !isOverdue(now)) writes.push({ type: "resume", node, fence });
    else if (!wasMapped || was.fence !== fence) writes.push({ type: "reopen", node, fence });
  } else if (wasMapped) writes.push({ type: "end", node });
  if (failure === "compensated" && was.failure !== "compensated") writes.push({ type: "compensated", node });
  return writes;
}
