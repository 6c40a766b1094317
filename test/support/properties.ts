/**
 * Settings of random tests. A property that fails prints its seed and the smallest case that fast-check found;
 * `FLOWFORGE_SEED=<seed> npx vitest run <the test's file>` replays it.
 */
import fc from "fast-check";

const fixed = process.env["FLOWFORGE_SEED"];

export const seed: number = fixed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(fixed);

/** Tries the property on random cases. */
export function holds<T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => void, numRuns = 500): void {
  fc.assert(fc.property(arbitrary, property), { seed, numRuns });
}
