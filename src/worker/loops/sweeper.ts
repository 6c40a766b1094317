/** The sweeper: sends again what was handed to the queue and lost there, and reads the inbox of runs that nobody looks after. */
import type { IdleMap } from "../../core/ports/maps.ts";
import type { Scheduler } from "../../core/ports/scheduler.ts";
import type { DispatchRef, Store } from "../../core/ports/store.ts";
import type { IntentResult } from "../intent.ts";
import type { RunTable } from "../run-table.ts";
import { mapKeyOf } from "../maps/map-key.ts";
import { LostTasks } from "./lost-tasks.ts";
import { keyOf, UnderWay } from "./under-way.ts";

const PAGE = 1_000;
const EVERY_MS = 2_000;
const QUIET_MS = 3_000;
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
  const maps = new UnderWay();
  const lostTasks = new LostTasks({ ...options, plans: table.plans });
  const look = (runId: string): Promise<IntentResult> => table.submit(runId, { type: "look" });
  const revive = async (map: IdleMap): Promise<IntentResult> => {
    await table.maps.revive(map);
    return "applied";
  };
  const resend = (ref: DispatchRef): Promise<IntentResult> =>
    table.submitFor(ref, (node) => ({ type: "resend", node, fence: ref.fence }));
  return async () => {
    const unread = await store.unread({ olderThanMs: INBOX_MS, limit: PAGE });
    await underWay.ask(unread, { keyOf: (runId) => runId, submit: look });
    const idle = await store.idleMaps({ quietMs: QUIET_MS, limit: PAGE });
    await maps.ask(idle, { keyOf: mapKeyOf, submit: revive });
    const lost = await lostTasks.find();
    const resent = await underWay.ask(lost, { keyOf, submit: resend });
    if (resent > 0) onLost(resent);
    return lostTasks.goesOn && resent > 0 ? 0 : EVERY_MS;
  };
}
