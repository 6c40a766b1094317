/**
 * `engine.events.follow`: what happens in a workspace, as it happens. Reads the feed again and again; nothing is kept between two reads but a
 * position, so a listener goes on in another process, or after a restart, where it was.
 *
 *   reset -> event, event, ... -> (something is missing) reset -> event ...
 */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import type { FeedPage, FeedStore, FeedEvent } from "../core/ports/feed.ts";
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

type Item = FeedPage["items"][number];

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
    const page = await feed.read({ workspace, after: listener.after, limit: PAGE });
    const messages = listener.take(page);
    yield* messages;
    if (isDue && messages.length === 0) yield { type: "idle", position: listener.position };
    const isMore = page.items.length === PAGE && messages.length > 0;
    pollMs = messages.length > 0 ? POLL_MS.least : Math.min(pollMs * 2, POLL_MS.most);
    // An abort is no error: the loop ends.
    if (!isMore) await pause(pollMs, undefined, { ref: false, ...(signal && { signal }) }).catch(() => {});
  }
}

/** Where one listener is. */
class Listener {
  /** Everything up to here was heard. */
  after: string | null;
  /** Everything after `after` will be heard. */
  #isExact: boolean;
  /** Heard, and not settled yet: they come again until `after` has passed them. */
  #ahead: Set<string> = new Set();

  constructor(after: string | null) {
    this.after = after;
    this.#isExact = after !== null;
  }

  get position(): string | null {
    return this.#isExact ? this.after : null;
  }

  take(page: FeedPage): readonly FeedMessage[] {
    const isBroken = this.after === null || (this.#isExact && !page.isComplete);
    if (isBroken) return [this.#reset(page)];
    const fresh = this.#fresh(page.items);
    // A transaction that is older than the feed has ended: what it did, and the feed does not tell, can be read by now.
    if (!this.#isExact && page.isExact) return [...fresh, this.#reset(page)];
    // Nothing can come any more before what is settled, and where the page is not full all of it was heard.
    if (page.items.length < PAGE) this.after = page.settled;
    return fresh;
  }

  #fresh(items: readonly Item[]): readonly FeedMessage[] {
    const messages: FeedMessage[] = [];
    for (const { event, position, settled } of items) {
      if (settled) this.after = position;
      const isNew = !this.#ahead.has(position);
      if (settled) this.#ahead.delete(position);
      else this.#ahead.add(position);
      if (isNew) messages.push({ type: "event", event, position: this.position });
    }
    return messages;
  }

  #reset(page: FeedPage): FeedMessage {
    this.after = page.settled;
    this.#isExact = page.isExact;
    this.#ahead = new Set();
    return { type: "reset", position: this.position };
  }
}
