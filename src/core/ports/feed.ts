/**
 * What happens in a workspace, for whoever listens: runs that start and come to rest, dead letters that are opened and resolved.
 *
 * An event is written in the transaction of what it tells, and only where somebody listens to the workspace, or did so within
 * `FEED_KEEP_MS`: nobody pays for a feed that nobody hears. Events are read in the order of their transactions' beginnings, not of their
 * commits, so one may become visible before (below) another one that was read already. Therefore a page says up to where it is
 * settled: no event before that position can still appear. A listener that was away goes on from a settled position, and what it heard beyond that
 * comes to it again. While it listens, the mark of what it has read (`since`) spares it that: however long somebody's transaction stays open,
 * each read is only of what has become visible.
 * Part of `Store`; both stores pass the same rules.
 */

/** How long a workspace's events are written after the last listener was heard of, and how long they are kept. 1 hour. */
export const FEED_KEEP_MS: number = 60 * 60 * 1_000;

export type FeedEventType =
  | "run.started"
  | "run.succeeded"
  | "run.failed"
  | "run.cancelled"
  /** A run that had come to rest goes on: a dead letter of it was redriven or completed, or it is undone. */
  | "run.reopened"
  | "dead_letter.opened"
  | "dead_letter.resolved";

export interface FeedEvent {
  /** Each event has another one; the same when it comes again. */
  readonly id: string;
  readonly type: FeedEventType;
  /** Milliseconds since 1970 by the store's clock. */
  readonly at: number;
  readonly runId: string;
  readonly workflow: string;
  /** Of a dead letter; `null` of a run. */
  readonly node: string | null;
  readonly deadLetterId: string | null;
}

export interface FeedItem {
  readonly event: FeedEvent;
  /** Opaque. */
  readonly position: string;
  /** Nothing can appear before it any more. */
  readonly settled: boolean;
}

export interface FeedQuery {
  readonly workspace: string;
  /** A position; `null`: no items, only where the feed is. */
  readonly after: string | null;
  /** A mark: only what was not visible then. */
  readonly since?: string | null;
  /** A mark: only what was visible then, for the pages of one read; what is settled is so by that mark. */
  readonly until?: string | null;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface FeedPage {
  /** After the position that was asked for, in order. */
  readonly items: readonly FeedItem[];
  /** Opaque: what was visible when this was read, or `until`. */
  readonly mark: string;
  /** Everything before it is there for good. */
  readonly settled: string;
  /** Everything that happens after `settled` is in the feed. `false` while a transaction is open that is older than the feed. */
  readonly isExact: boolean;
  /** Nothing is missing between the position that was asked for and these items. */
  readonly isComplete: boolean;
}

export interface FeedStore {
  /** Somebody listens: from now on, and until `FEED_KEEP_MS` after the last such call, what happens is written. */
  listen(workspace: string): Promise<void>;
  /** Rejects what is no position, and a limit that is none, with `option_invalid`. */
  read(query: FeedQuery): Promise<FeedPage>;
  /** Deletes events whose time is over, and feeds that nobody listens to; at most so many events, and returns how many. */
  trim(limit: number): Promise<number>;
}
