/**
 * Polls: asks what is due, starts a run for each item that is new, and stores what was seen with the cursor. In this order: whoever dies
 * after the starts and before the commit leaves the old cursor, so the items are found again, and their runs too, because the id of
 * an item's run is made of the poll and the item.
 */
import { tryParseDuration } from "../core/definition/duration.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import { type Found, foundIn, type FoundItem, retryPauseMs } from "../core/poll/found.ts";
import type { DuePoll, ItemRefusal, PollEnd, PollPlace } from "../core/ports/polls.ts";
import type { Store } from "../core/ports/store.ts";
import { Attempt, failedForGood, type Failed, type Outcome } from "./attempt.ts";
import { DEFINITE } from "./child-opener.ts";
import { pollAttempt, type PollEnvironment } from "./poll-attempt.ts";
import { itemRunId } from "./run-id.ts";

/** Polls under way in a process; what is more waits. */
const MAX_UNDER_WAY = 10;
/** How long code that was told to stop is waited for. */
const GRACE_MS = 30_000;
/** Runs that are started at once. */
const STARTS = 20;
const MAX_ERROR = 1_000;

export interface ItemStart {
  readonly runId: string;
  readonly place: PollPlace;
  /** Of the workflow. */
  readonly version: number;
  readonly item: JsonObject;
}

/** What the engine does for items. */
export interface ItemRuns {
  /** Does nothing where the run is there. Throws what `runs.start` throws. */
  start(item: ItemStart): Promise<void>;
}

export interface PollsOptions extends PollEnvironment {
  readonly store: Pick<Store, "polls">;
  readonly runs: ItemRuns;
  readonly random: () => number;
  /** A poll has ended, and there may be more to do. */
  readonly onEnded: () => void;
}

interface Claimed {
  readonly poll: DuePoll;
  /** Of the claim. */
  readonly rev: number;
}

export class Polls {
  readonly #options: PollsOptions;
  readonly #underWay = new Map<string, { attempt: Attempt | null; done: Promise<void> }>();
  #stopped = false;

  constructor(options: PollsOptions) {
    this.#options = options;
  }

  get room(): number {
    return this.#stopped ? 0 : MAX_UNDER_WAY - this.#underWay.size;
  }

  /** Does nothing where it is under way here. */
  begin(poll: DuePoll, worker: string): void {
    const { workspace, workflow, node } = poll;
    const key = JSON.stringify([workspace, workflow, node]);
    if (this.#underWay.has(key) || this.room === 0) return;
    const entry: { attempt: Attempt | null; done: Promise<void> } = {
      attempt: null,
      done: Promise.resolve(),
    };
    this.#underWay.set(key, entry);
    const began = (attempt: Attempt): void => void (entry.attempt = attempt);
    entry.done = this.#poll(poll, worker, began)
      .catch((error: unknown) => {
        const { logger } = this.#options;
        if (!this.#stopped)
          logger.warn(
            { error, workspace, workflow, node },
            "the end of a poll could not be stored; it is tried again",
          );
      })
      .finally(() => {
        this.#underWay.delete(key);
        this.#options.onEnded();
      });
  }

  /** Gives up what is under way, so that others ask in its place. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const all = [...this.#underWay.values()];
    for (const { attempt } of all) attempt?.interrupt();
    await Promise.all(all.map(({ done }) => done));
  }

  async #poll(poll: DuePoll, worker: string, began: (attempt: Attempt) => void): Promise<void> {
    const { store } = this.#options;
    if (!(await store.polls.claim(poll, poll.rev, worker)) || this.#stopped) return;
    const claimed = { poll, rev: poll.rev + 1 };
    const outcome = await this.#ask(poll, began);
    if (outcome.type === "interrupted") return;
    const end =
      outcome.type === "failed" ? this.#failed(poll, outcome) : await this.#found(claimed, outcome.output);
    if (await store.polls.finish(poll, claimed.rev, end)) return;
    const { workspace, workflow, node } = poll;
    this.#options.logger.info(
      { workspace, workflow, node },
      "a poll was another worker's, or changed, before it ended",
    );
  }

  async #ask(poll: DuePoll, began: (attempt: Attempt) => void): Promise<Outcome> {
    const attempt = pollAttempt(this.#options, poll);
    if (!(attempt instanceof Attempt)) return attempt;
    began(attempt);
    const outcome = await attempt.outcome;
    // Nobody is to ask beside code that has not ended, unless it does not listen.
    if (outcome.type !== "interrupted") await settled(attempt.ended, GRACE_MS);
    return outcome;
  }

  async #found(
    { poll, rev }: Claimed,
    output: Extract<Outcome, { type: "succeeded" }>["output"],
  ): Promise<PollEnd> {
    const found = foundIn(output);
    if (typeof found === "string") {
      const message = `Action "${poll.source.action}" must return { items: [{ id, ... }], cursor?, more? }: ${found}`;
      return this.#failed(poll, failedForGood({ class: "invalid_output", message }));
    }
    const { first = "now", every } = poll.source;
    const startsNone = poll.stage === "again" || (poll.stage === "first" && first === "now");
    const common = {
      cursor: found.cursor,
      // What is marked is marked to the end.
      stage: startsNone && found.more ? poll.stage : "live",
      failures: 0,
      lastError: null,
      succeeded: true,
      seen: found.items.map(({ id }) => id),
      delayMs: found.more ? 0 : (tryParseDuration(every) ?? 0),
    } as const;
    if (startsNone) return { ...common, lastItems: 0, lastRefusal: poll.lastRefusal };
    const fresh = await this.#fresh(poll, found);
    // Nothing is started for a workflow that was disabled meanwhile, or in the place of somebody else; `finish` is refused then.
    const isHeld = fresh.length === 0 || (await this.#options.store.polls.get(poll))?.rev === rev;
    if (!isHeld) return { ...common, lastItems: 0, lastRefusal: poll.lastRefusal };
    try {
      const refusal = await this.#start(poll, fresh);
      return { ...common, lastItems: fresh.length, lastRefusal: refusal ?? poll.lastRefusal };
    } catch (error) {
      // With the old cursor: those that were started are found again, and are there.
      const message = `A run for an item could not be started: ${error instanceof Error ? error.message : String(error)}`;
      return this.#failed(poll, failedForGood({ class: "start_failed", message }));
    }
  }

  async #fresh(poll: DuePoll, { items }: Found): Promise<readonly FoundItem[]> {
    const seen = await this.#options.store.polls.seen(
      poll,
      items.map(({ id }) => id),
    );
    return items.filter(({ id }) => !seen.has(id));
  }

  /** Gives the last refusal; throws where another try may help. */
  async #start(poll: DuePoll, items: readonly FoundItem[]): Promise<ItemRefusal | null> {
    let last: ItemRefusal | null = null;
    for (let at = 0; at < items.length; at += STARTS) {
      const part = items.slice(at, at + STARTS);
      const refusals = await Promise.all(part.map((item) => this.#startOne(poll, item)));
      last = refusals.findLast((refusal) => refusal !== null) ?? last;
    }
    return last;
  }

  async #startOne(poll: DuePoll, { id, value }: FoundItem): Promise<ItemRefusal | null> {
    const { workspace, workflow, node, version, series } = poll;
    const place = { workspace, workflow, node };
    const runId = itemRunId({ ...place, series }, id);
    try {
      await this.#options.runs.start({ runId, place, version, item: value });
      return null;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#options.logger.warn(
        { error, ...place, item: id },
        "an item of a poll was refused, and has no run",
      );
      return {
        item: id,
        error: error.message.slice(0, MAX_ERROR),
        at: Math.floor(this.#options.clock.now()),
      };
    }
  }

  #failed(poll: DuePoll, { error, verdict }: Failed): PollEnd {
    const { stage, cursor, lastItems, lastRefusal, lastError } = poll;
    const kept = { stage, cursor, lastItems, lastRefusal, seen: [] };
    // It has only asked for another time.
    if (verdict.type === "notYet")
      return {
        ...kept,
        failures: poll.failures,
        lastError,
        succeeded: false,
        delayMs: Math.ceil(verdict.afterMs),
      };
    const { workspace, workflow, node } = poll;
    const failures = poll.failures + 1;
    this.#options.logger.warn(
      { workspace, workflow, node, failures, error },
      "a poll failed; it is tried again",
    );
    const pauseMs = retryPauseMs(failures, this.#options.random());
    const delayMs = verdict.type === "later" ? Math.max(Math.ceil(verdict.afterMs), pauseMs) : pauseMs;
    const message = `${error.class}: ${error.message}`.slice(0, MAX_ERROR);
    return { ...kept, failures, lastError: message, succeeded: false, delayMs };
  }
}

async function settled(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const grace = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, grace]).finally(() => clearTimeout(timer));
}

/** Another try would be refused too. Where there is no room for the run now, there may be later. */
function isRefusal(error: unknown): error is FlowForgeError {
  return FlowForgeError.is(error) && DEFINITE.has(error.code) && error.code !== "concurrency_limit_reached";
}
