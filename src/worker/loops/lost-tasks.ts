/**
 * Which of the node runs that were handed to the queue are lost there.
 *
 * A lane is a queue, and may be a server of its own, so each is judged by itself: what was handed over before the oldest task that still
 * waits in its lane, and more than `GRACE_MS` ago, is lost. Rows do not say their lane, their plan does; so the rows are gone through page
 * by page, a page a round, and those of lanes whose tasks wait are passed over. When the queue's age mark is gone, the queue was wiped and
 * every `queued` row is lost.
 */
import type { Scheduler } from "../../core/ports/scheduler.ts";
import type { QueuedRef, Store } from "../../core/ports/store.ts";
import type { Plans } from "../plans.ts";

const PAGE = 1_000;
const GRACE_MS = 3_000;

export interface LostTasksOptions {
  readonly store: Pick<Store, "lost" | "now">;
  readonly scheduler: Pick<Scheduler, "checkEpoch" | "depth">;
  readonly plans: Pick<Plans, "peek" | "get">;
  /** Of this process. Others are learnt from the rows. */
  readonly lanes: readonly string[];
}

export class LostTasks {
  readonly #options: LostTasksOptions;
  readonly #lanes: Set<string>;
  /** Where the next page begins. */
  #from = 0;
  /** The last page was full: there may be more. */
  goesOn = false;

  constructor(options: LostTasksOptions) {
    this.#options = options;
    this.#lanes = new Set(options.lanes);
  }

  /** At most a page of them. */
  async find(): Promise<readonly QueuedRef[]> {
    const { store, scheduler } = this.#options;
    // After a wipe everything older than this moment is gone, whatever was sent since.
    if (!(await scheduler.checkEpoch())) return this.#page(await store.now());
    const horizons = await this.#horizons();
    const dispatchedBefore = Math.max(...horizons.values());
    const rows = await this.#page(dispatchedBefore, this.#from);
    this.#from = this.goesOn ? nextFrom(rows) : 0;
    const lost: QueuedRef[] = [];
    for (const row of rows) {
      const lane = await this.#laneOf(row);
      const horizon = lane === null ? dispatchedBefore : horizons.get(lane);
      // Of a lane that nobody knew here: it is asked before the rows are read again, so that a task which is taken meanwhile is not missed.
      if (horizon === undefined) this.#lanes.add(lane!);
      else if (row.dispatchedAt < horizon) lost.push(row);
    }
    return lost;
  }

  async #page(dispatchedBefore: number, dispatchedFrom = 0): Promise<readonly QueuedRef[]> {
    const rows = await this.#options.store.lost({ dispatchedBefore, dispatchedFrom, limit: PAGE });
    this.goesOn = rows.length === PAGE;
    return rows;
  }

  /** By lane: what was handed over before this and is still `queued` is lost. The queue is asked before the rows are read. */
  async #horizons(): Promise<ReadonlyMap<string, number>> {
    const { store, scheduler } = this.#options;
    const lanes = [...this.#lanes];
    const answers = await Promise.allSettled(lanes.map((lane) => scheduler.depth(lane)));
    const latest = (await store.now()) - GRACE_MS;
    const horizons = new Map<string, number>();
    for (const [n, answer] of answers.entries())
      if (answer.status === "fulfilled")
        horizons.set(lanes[n]!, Math.min(latest, answer.value.oldest ?? latest));
    const failed = answers.find((answer) => answer.status === "rejected");
    // Of a cluster one server may be away: the lanes of the others are looked after all the same.
    if (failed && horizons.size === 0) throw failed.reason;
    return horizons;
  }

  /** `null`: there is no such version that could be read, or no such node in it; whoever looks at the run finds out what that means. */
  async #laneOf({ workspace, workflow, version, node }: QueuedRef): Promise<string | null> {
    const key = { workspace, workflow, version };
    const { plans } = this.#options;
    const plan = plans.peek(key) ?? (await plans.get(key).catch(() => null));
    const index = plan?.indexOf.get(node);
    const found = index === undefined ? undefined : plan?.nodes[index];
    if (!found) return null;
    return found.kind === "action" ? found.lane : "default";
  }
}

/** Where all of a page were handed over at once, the rest of them comes when some of these have been taken. */
function nextFrom(rows: readonly QueuedRef[]): number {
  const last = rows.at(-1)!.dispatchedAt;
  return rows[0]!.dispatchedAt === last ? last + 1 : last;
}
