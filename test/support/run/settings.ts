/**
 * Settings of the properties of the reducer.
 *
 * A property that fails prints its seed and the smallest case that fast-check found; `FLOWFORGE_SEED=<seed> npx vitest run
 * test/property/run` replays it. `FLOWFORGE_PROPERTY_RUNS=1000000 npx vitest run test/property/run` tries each property on so
 * many cases instead of 10,000.
 */
import fc from "fast-check";
import { seed } from "../properties.ts";

const DEFAULT_RUNS = 10_000;

const fixedRuns = process.env["FLOWFORGE_PROPERTY_RUNS"];

export { seed };
export const runs: number = fixedRuns === undefined ? DEFAULT_RUNS : Number(fixedRuns);
/** A million cases take a while. */
export const timeoutMs: number = Math.max(60_000, runs * 20);

/** Tries the property on `runs` random cases. */
export function holds<T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => void): void {
  fc.assert(fc.property(arbitrary, property), { seed, numRuns: runs });
}
