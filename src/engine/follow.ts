/**
 * `engine.events.follow`: what happens in a workspace, as it happens. Reads the feed again and again; nothing is kept between two reads but a
 * position, so a listener goes on in another process, or after a restart, where it was.
 *
 *   reset -> event, event, ... -> (something is missing) reset -> event ...
 */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import type { FeedEvent, FeedPage, FeedQuery, FeedStore } from "../core/ports/feed.ts";
import { inWorkspaceSchema, type InWorkspace, workspaceOf } from "./call-options.ts";

export interface FollowOptions extends InWorkspace {
  /** `position` of the last item that was heard. Default: from now on. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * `reset`, which is first without `after`: what was heard before is not all. Read anew what you show; what comes after the reset is complete from its
 * position on. With `after` a call goes on where another one was, in whatever process. An event may come twice, with the same
 * `event.id`, and is about a second late at most. After an error go on with the last position.
 */
export type FeedMessage = (
  | { readonly type: "reset" }
  | { readonly type: "event"; readonly event: FeedEvent }
  /** Nothing has happened; the position has moved. */
  | { readonly type: "idle" }
) & {
  /** For `after`. `null`: whoever breaks off here begins with a reset. */
  readonly position: string | null;
};

const followSchema: z.ZodObject = inWorkspaceSchema.extend({
  after: z.string().max(100).optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

const PAGE = 500;
const POLL_MS = { least: 100, most: 1_000 };
/** How often the store hears that somebody listens, and the listener hears a position although nothing happens. */
const RENEW_MS = 15_000;

export async function* follow(feed: FeedStore, options: FollowOptions = {}): AsyncGenerator<FeedMessage> {
  const workspace = workspaceOf(options, "events.follow", followSchema);
  const { signal } = options;
  const listener = new Listener(options.after ?? null);
  let renewedAt = -Infinity;
  let pollMs = POLL_MS.least;
  while (!signal?.aborted) {
    const isDue = performance.now() - renewedAt >= RENEW_MS;
    if (isDue) {
      await feed.listen(workspace);
      renewedAt = performance.now();
    }
    const page = await feed.read({ workspace, ...listener.query, limit: PAGE });
    const messages = listener.take(page);
    yield* messages;
    if (isDue && messages.length === 0) yield { type: "idle", position: listener.position };
    const isMore = page.items.length === PAGE;
    pollMs = messages.length > 0 ? POLL_MS.least : Math.min(pollMs * 2, POLL_MS.most);
    // An abort is no error: the loop ends.
    if (!isMore) await pause(pollMs, undefined, { ref: false, ...(signal && { signal }) }).catch(() => {});
  }
}

/**
 * Where one listener is. It reads in rounds: what has become visible since the mark of the round before, in pages, up to the mark of the
 * first of them.
 */
class Listener {
  /** Everything up to here was heard. */
  #after: string | null;
  /** Everything after `#after` will be heard. */
  #isExact: boolean;
  /** What was visible then was heard; `null`: nothing beyond `#after`. */
  #since: string | null = null;
  /** A round that has more pages. */
  #round: { readonly after: string; readonly until: string } | null = null;

  constructor(after: string | null) {
    this.#after = after;
    this.#isExact = after !== null;
  }

  get position(): string | null {
    return this.#isExact ? this.#after : null;
  }

  get query(): Pick<FeedQuery, "after" | "since" | "until"> {
    return { after: this.#after, since: this.#since, ...this.#round };
  }

  take(page: FeedPage): readonly FeedMessage[] {
    const isBroken = this.#after === null || (this.#isExact && !page.isComplete);
    if (isBroken) return [this.#reset(page)];
    const heard = page.items.map(({ event, position, settled }): FeedMessage => {
      if (settled) this.#after = position;
      return { type: "event", event, position: this.position };
    });
    // A transaction that is older than the feed has ended: what it did, and the feed does not tell, can be read by now.
    if (!this.#isExact && page.isExact) return [...heard, this.#reset(page)];
    const last = page.items.length === PAGE ? page.items.at(-1) : undefined;
    if (last) this.#round = { after: last.position, until: page.mark };
    else this.#began(page);
    return heard;
  }

  #reset(page: FeedPage): FeedMessage {
    this.#isExact = page.isExact;
    this.#began(page);
    return { type: "reset", position: this.position };
  }

  /** Nothing can come any more before what is settled. */
  #began({ settled, mark }: FeedPage): void {
    this.#after = settled;
    this.#since = mark;
    this.#round = null;
  }
}
