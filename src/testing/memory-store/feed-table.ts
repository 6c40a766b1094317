/** What happens in the workspaces that somebody listens to. There is one transaction at a time here, so everything is settled. */
import { FlowForgeError } from "../../core/errors.ts";
import {
  FEED_KEEP_MS,
  type FeedPage,
  type FeedEvent,
  type FeedEventType,
  type FeedQuery,
  type FeedStore,
} from "../../core/ports/feed.ts";
import type { RunHeader } from "../../core/ports/stored-run.ts";

interface Feed {
  until: number;
  /** Positions up to this one are not complete. */
  floor: number;
}

interface Stored {
  readonly workspace: string;
  readonly order: number;
  readonly event: FeedEvent;
}

const MAX_LIMIT = 1_000;
const POSITION = /^(\d{1,18})\.0$/;

export class FeedTable {
  readonly #feeds = new Map<string, Feed>();
  #events: Stored[] = [];
  #order = 0;

  store(now: () => number): FeedStore {
    return {
      listen: async (workspace) => this.listen(workspace, now()),
      read: async (query) => this.read(query, now()),
      trim: async (limit) => this.trim(limit, now()),
    };
  }

  listen(workspace: string, now: number): void {
    const feed = this.#feeds.get(workspace);
    const floor = feed && feed.until > now ? feed.floor : ++this.#order;
    this.#feeds.set(workspace, { until: now + FEED_KEEP_MS, floor });
  }

  read({ workspace, after, since, until, limit }: FeedQuery, now: number): FeedPage {
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
      throw wrongOption("limit", `a whole number from 1 to ${MAX_LIMIT}`);
    const from = after === null ? null : numberOf(after);
    const feed = this.#feeds.get(workspace);
    const floor = feed && feed.until > now ? feed.floor : Infinity;
    const mark = Number(until ?? this.#order);
    const next = mark + 1;
    const begin = from === null ? Infinity : Math.max(from, Number(since ?? 0));
    const found = this.#events.filter(
      (each) => each.workspace === workspace && each.order > begin && each.order <= mark,
    );
    return {
      items: found
        .slice(0, limit)
        .map(({ event, order }) => ({ event, position: `${order}.0`, settled: true })),
      mark: String(mark),
      settled: `${next}.0`,
      isExact: next > floor,
      isComplete: from !== null && from > floor && from <= next,
    };
  }

  trim(limit: number, now: number): number {
    const old = this.#events.filter(({ event }) => event.at < now - FEED_KEEP_MS).slice(0, limit);
    for (const { workspace, order } of old) {
      const feed = this.#feeds.get(workspace);
      if (feed) feed.floor = Math.max(feed.floor, order);
    }
    const gone = new Set(old);
    this.#events = this.#events.filter((each) => !gone.has(each));
    for (const [workspace, { until }] of this.#feeds)
      if (until < now - FEED_KEEP_MS) this.#feeds.delete(workspace);
    return old.length;
  }

  forget(workspace: string): void {
    this.#feeds.delete(workspace);
    this.#events = this.#events.filter((each) => each.workspace !== workspace);
  }

  /** A run's header was this one before (`undefined`: there was none), and is that one now. */
  noteRun(before: RunHeader | undefined, after: RunHeader, now: number): void {
    const { id: runId, workspace, workflow, status, finishedAt } = after;
    const of = { workspace, runId, workflow, at: now };
    if (!before) this.note({ ...of, type: "run.started" });
    const isSame = before && before.finishedAt === finishedAt && (!finishedAt || before.status === status);
    if (isSame || (!before && finishedAt === null)) return;
    this.note({
      ...of,
      type: finishedAt === null ? "run.reopened" : (`run.${status}` as FeedEventType),
    });
  }

  note({
    workspace,
    node = null,
    deadLetterId = null,
    ...event
  }: Pick<FeedEvent, "type" | "at" | "runId" | "workflow"> & {
    readonly workspace: string;
    readonly node?: string | null;
    readonly deadLetterId?: string | null;
  }): void {
    if (!((this.#feeds.get(workspace)?.until ?? 0) > event.at)) return;
    // The position before the next one: a listener that begins there hears what comes then.
    const order = (this.#order += 2);
    this.#events.push({ workspace, order, event: { id: String(order), node, deadLetterId, ...event } });
  }
}

function numberOf(position: string): number {
  const [, order] = POSITION.exec(position) ?? [];
  if (order !== undefined) return Number(order);
  throw wrongOption("after", "a position of this feed");
}

function wrongOption(option: string, expected: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: `option "${option}"`,
    expected,
    next: "Nothing was read.",
  });
}
