const RETRY_MS = [20, 100, 500, 2_000] as const;

/** How long to wait before the store is asked again. `attempt`: from 0. */
export function retryMs(attempt: number): number {
  return RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]!;
}

const FIRST_RETURN_MS = 100;
const LONGEST_RETURN_MS = 5_000;

export interface Return {
  /** How often the task was handed over. */
  readonly dispatches: number;
  /** Of the workers, those that have its action: from 0, nobody, to 1. */
  readonly having: number;
  /** A die from 0 to 1. */
  readonly random: number;
}

/**
 * How long a task that this worker cannot take stays away. Where one worker of three has the action, it takes three rounds on average to find that
 * one, so the pause grows once in six. Where nobody has it, it grows with each: a task must not go round and round.
 */
export function returnMs({ dispatches, having, random }: Return): number {
  const growth = having > 0 ? Math.floor((dispatches * having) / 2) : dispatches;
  const longest = Math.min(LONGEST_RETURN_MS, FIRST_RETURN_MS * 2 ** Math.min(growth, 10));
  return Math.ceil(longest * (0.5 + random / 2));
}

const SHORTEST_PARK_MS = 300_000;

/**
 * How long a parked node run stays where it is when nobody lets it go on: its breaker does that, long before as a rule. What waits behind a breaker
 * for long is spread, so that not all of it is looked at together.
 */
export function parkMs(random: number): number {
  return Math.ceil(SHORTEST_PARK_MS * (1 + random));
}

/** How often at least a task that nobody can take goes round in this time, the time in the queue not counted. */
export function roundsWithin(ms: number): number {
  let rounds = 0;
  for (let left = ms; left > 0; left -= returnMs({ dispatches: rounds, having: 0, random: 1 })) rounds++;
  return rounds;
}
