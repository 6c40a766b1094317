/**
 * The sweeper: finds what was handed to the queue and lost there, and runs whose inbox nobody reads.
 *
 * A `queued` row is lost when it was handed over before the oldest task that still waits in its lane, and more than
 * `GRACE_MS` ago. When the queue's age mark is gone, the queue was wiped and every `queued` row is lost.
 */
import type { Scheduler } from "../../core/ports/scheduler.ts";
import type { DispatchRef, Store } from "../../core/ports/store.ts";
import type { IntentResult } from "../intent.ts";
import type { RunTable } from "../run-table.ts";
import { keyOf, UnderWay } from "./under-way.ts";

const PAGE = 1_000;
const EVERY_MS = 2_000;
const GRACE_MS = 3_000;
const INBOX_MS = 1_000;

export interface SweeperOptions {
  readonly store: Store;
  readonly scheduler: Scheduler;
  readonly table: RunTable;
  readonly lanes: readonly string[];
  /** Tasks were lost in the queue. */
  readonly onLost: (count: number) => void;
}

export function sweeperRound(options: SweeperOptions): () => Promise<number> {
  const { store, table, onLost } = options;
  const underWay = new UnderWay();
  const look = (runId: string): Promise<IntentResult> => table.submit(runId, { type: "look" });
  const resend = (ref: DispatchRef): Promise<IntentResult> =>
    table.submitFor(ref, (node) => ({ type: "resend", node, fence: ref.fence }));
  return async () => {
    const unread = await store.unread({ olderThanMs: INBOX_MS, limit: PAGE });
    await underWay.ask(unread, { keyOf: (runId) => runId, submit: look });
    await table.maps.revive(await store.idleMaps({ quietMs: GRACE_MS, limit: PAGE }));
    const before = await lostBefore(options);
    const lost = await store.lost({ dispatchedBefore: before, limit: PAGE });
    const resent = await underWay.ask(lost, { keyOf, submit: resend });
    if (resent > 0) onLost(resent);
    return resent === PAGE ? 0 : EVERY_MS;
  };
}

async function lostBefore({ scheduler, store, lanes }: SweeperOptions): Promise<number> {
  const wiped = !(await scheduler.checkEpoch());
  const depths = await Promise.all(lanes.map((lane) => scheduler.depth(lane)));
  const now = await store.now();
  // After a wipe everything older than this moment is gone, whatever was sent since.
  if (wiped) return now;
  const oldest = depths.map((depth) => depth.oldest).filter((at) => at !== null);
  return Math.min(now - GRACE_MS, ...oldest);
}
