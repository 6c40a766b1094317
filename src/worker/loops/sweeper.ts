/**
 * The sweeper: finds what was handed to the queue and lost there, and runs whose inbox nobody reads.
 *
 * A `queued` row is lost when it was handed over before the oldest task that still waits in its lane, and more than
 * `GRACE_MS` ago. When the queue's age mark is gone, the queue was wiped and every `queued` row is lost.
 */
import type { Scheduler } from "../../core/ports/scheduler.ts";
import type { DispatchRef, Store } from "../../core/ports/store.ts";
import type { RunTable } from "../run-table.ts";

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
  return async () => {
    const { store, table, onLost } = options;
    const unread = await store.unread({ olderThanMs: INBOX_MS, limit: PAGE });
    await Promise.all(unread.map((runId) => table.submit(runId, { type: "look" })));
    const before = await lostBefore(options);
    const lost = await store.lost({ dispatchedBefore: before, limit: PAGE });
    const results = await Promise.all(lost.map((ref) => resend(table, ref)));
    const resent = results.filter((result) => result === "applied").length;
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

function resend(table: RunTable, ref: DispatchRef): Promise<string> {
  return table.submitFor(ref, (node) => ({ type: "resend", node, fence: ref.fence }));
}
