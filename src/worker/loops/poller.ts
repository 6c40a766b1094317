/** The poller: begins the polls that are due and whose action this process has, and keeps them those of the newest versions. */
import { ITEM_KEEP_MS, MAX_ITEMS_KNOWN } from "../../core/ports/polls.ts";
import type { Store } from "../../core/ports/store.ts";
import type { Loop } from "../loop.ts";
import { Polls, type PollsOptions } from "../polls.ts";

/** Those that are under way here are among them. */
const PAGE = 20;
const IDLE_MS = 650;
const SYNC_EVERY = 2;
/** About ten minutes. */
const EXPIRE_EVERY = 900;

interface PollerParts {
  readonly store: Pick<Store, "polls">;
  readonly polls: Polls;
  /** Names of the actions that this process has. */
  readonly actions: readonly string[];
  /** `null`: this process is not registered now. */
  readonly worker: () => string | null;
}

/** The polls of this process, and the loop that begins them. */
export function polling(
  options: Omit<PollsOptions, "random" | "onEnded"> & Pick<PollerParts, "worker">,
  loopOf: (round: () => Promise<number>) => Loop,
): { readonly polls: Polls; readonly loop: Loop } {
  const { store, registry, worker } = options;
  const polls = new Polls({ ...options, random: Math.random, onEnded: () => loop.wakeIn(0) });
  const loop: Loop = loopOf(pollerRound({ store, polls, worker, actions: registry.names() }));
  return { polls, loop };
}

function pollerRound({ store, polls, actions, worker }: PollerParts): () => Promise<number> {
  let rounds = 0;
  return async () => {
    const round = rounds++;
    if (round % SYNC_EVERY === 0) await store.polls.sync();
    // Not at once: the many processes of a deployment begin together.
    if (round % EXPIRE_EVERY === EXPIRE_EVERY - 1)
      await store.polls.expire({ olderThanMs: ITEM_KEEP_MS, most: MAX_ITEMS_KNOWN });
    const id = worker();
    if (id === null || polls.room === 0) return IDLE_MS;
    for (const poll of await store.polls.due({ worker: id, actions, limit: PAGE })) polls.begin(poll, id);
    return IDLE_MS;
  };
}
