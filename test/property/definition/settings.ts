/**
 * Settings of the properties of definitions. A property that fails prints its seed; `FLOWFORGE_SEED=<seed> npx vitest run
 * test/property/definition` replays it.
 */
const fixed = process.env["FLOWFORGE_SEED"];

export const seed: number = fixed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(fixed);
