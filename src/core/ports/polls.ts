/**
 * Polls: how far each trigger with a source of the type `poll` has read what it asks, and which items it has seen. The triggers of the newest
 * versions say which polls there are; `sync` makes what is kept here follow them.
 *
 * Of a poll one worker at a time asks: it claims it (`claim`), and what it found is stored under the claim's `rev` (`finish`), the items that it saw
 * and the cursor in one commit. A claim holds while its worker lives, as the lease of a node run does; whoever claims it after that has a
 * higher `rev`, and what the first one finds is not stored. The id of an item's run is made of the poll and the item, so that a worker that dies
 * between the start of runs and that commit leaves nothing that is started twice.
 * Part of `Store`; both stores pass the same rules.
 */
import type { PollSource } from "../definition/document.ts";
import type { Json } from "../json.ts";

/** How long an item is known after a poll has seen it last. 90 days. */
export const ITEM_KEEP_MS: number = 90 * 24 * 60 * 60 * 1_000;
/** So many items of a poll are known at most; those that were seen last stay. */
export const MAX_ITEMS_KNOWN = 100_000;

/** A poll is known by its trigger. */
export interface PollPlace {
  readonly workspace: string;
  readonly workflow: string;
  /** Id of the trigger node. */
  readonly node: string;
}

/**
 * `first`: it has never asked, and the source's `first` says what becomes of what it finds. `again`: it was disabled; what it finds is
 * noted as seen, and starts nothing. `live`: what is new is started.
 */
export type PollStage = "first" | "again" | "live";

/** What became of the last item that could not be started. */
export interface ItemRefusal {
  readonly item: string;
  readonly error: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** A poll, as long as it asks for the same. */
export type PollSeries = PollPlace & Pick<PollRecord, "series">;

export interface PollRecord extends PollPlace {
  readonly source: PollSource;
  /** One more with every claim and every end of one. */
  readonly rev: number;
  readonly paused: boolean;
  readonly stage: PollStage;
  /** When it began to ask for this: another action or input is another series, in which no item was seen. */
  readonly series: number;
  /** What the action returned last; `null`: nothing. */
  readonly cursor: Json;
  readonly dueAt: number;
  /** Worker that asks, or died while it did. `null`: nobody. */
  readonly holder: string | null;
  /** Polls that failed, one after the other, until now. */
  readonly failures: number;
  /** When it has last succeeded. */
  readonly lastAt: number | null;
  /** Items that were new then. */
  readonly lastItems: number;
  /** Why the last poll failed; `null`: it did not. */
  readonly lastError: string | null;
  readonly lastRefusal: ItemRefusal | null;
}

/** A poll that is due, and the version of the workflow that its trigger is of. */
export interface DuePoll extends PollRecord {
  readonly version: number;
}

/** How a poll ended. Nobody holds it any more. */
export interface PollEnd extends Pick<
  PollRecord,
  "stage" | "cursor" | "failures" | "lastItems" | "lastError" | "lastRefusal"
> {
  /** It is due again so much later. */
  readonly delayMs: number;
  /** It succeeded: `lastAt` is now. */
  readonly succeeded: boolean;
  /** Ids of the items that it saw, the new ones and the others. */
  readonly seen: readonly string[];
}

export interface PollStore {
  /**
   * Makes the polls those of the triggers of the newest versions. A new one is due at once; where the action or its input is another one, it begins anew, and where
   * something else of the source is, it keeps how far it has come. That of a trigger that is gone goes, and that of a
   * disabled workflow is held by nobody, and at stage `again`.
   */
  sync(): Promise<void>;
  /**
   * Those that are due, not paused, with one of these actions, a trigger of an enabled workflow that has their source, and held by nobody who
   * lives, or by this worker; the earliest first.
   */
  due(query: {
    readonly worker: string;
    readonly actions: readonly string[];
    readonly limit: number;
  }): Promise<readonly DuePoll[]>;
  /** `rev` is one more then, and the worker holds it. `false`: somebody has written to it since that `rev`. */
  claim(place: PollPlace, rev: number, worker: string): Promise<boolean>;
  /** Those of these ids that the poll has seen in this series. */
  seen(poll: PollSeries, ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** In one commit. `false`: the claim under this `rev` is over, and nothing was stored. */
  finish(place: PollPlace, rev: number, end: PollEnd): Promise<boolean>;
  /** A claim stays, and ends as if nothing were. `false`: there is no such poll. */
  setPaused(place: PollPlace, paused: boolean): Promise<boolean>;
  /** It is due now, unless it was before. `false`: there is no such poll. */
  hurry(place: PollPlace): Promise<boolean>;
  /** `null`: there is none. */
  get(place: PollPlace): Promise<PollRecord | null>;
  /** Of a workspace, by workflow and node in the order of code points, after this one. */
  list(page: {
    readonly workspace: string;
    /** None: of all of them. */
    readonly workflow?: string;
    readonly after?: Pick<PollPlace, "workflow" | "node">;
    readonly limit: number;
  }): Promise<readonly PollRecord[]>;
  /**
   * Forgets items that were seen longer ago than this, of each poll all but so many of those that were seen last, and those of series
   * that are over. Returns how many.
   */
  expire(limits: { readonly olderThanMs: number; readonly most: number }): Promise<number>;
}
