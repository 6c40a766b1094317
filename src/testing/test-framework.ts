/**
 * The little that the contracts need of a test framework and of a library for properties. They are handed in, so that
 * `flowforge/testing` needs neither at run time, and described by shape, so that its types need neither.
 */

export interface Matchers<Result> {
  toBe(expected: unknown): Result;
  toBeDefined(): Result;
  toBeGreaterThanOrEqual(expected: number): Result;
  toBeLessThan(expected: number): Result;
  toBeLessThanOrEqual(expected: number): Result;
  toBeNull(): Result;
  toBeUndefined(): Result;
  toEqual(expected: unknown): Result;
  toHaveLength(expected: number): Result;
  toHaveProperty(name: string, value?: unknown): Result;
  toMatchObject(expected: object): Result;
  toThrow(): Result;
}

export interface Expect {
  (
    value: unknown,
  ): Matchers<void> & { readonly not: Matchers<void>; readonly rejects: Matchers<Promise<void>> };
  any(type: unknown): unknown;
  stringMatching(pattern: RegExp): unknown;
}

/** `{ describe, test, expect }` of vitest; Jest's have the same shape. */
export interface TestFramework {
  readonly describe: (title: string, body: () => void) => unknown;
  readonly test: (title: string, body: () => Promise<void>, timeoutMs: number) => unknown;
  readonly expect: Expect;
}

/** fast-check, version 4: `import fc from "fast-check"`. Only the functions that tell it from something else are named here. */
export interface PropertyLibrary {
  readonly assert: (...values: never[]) => unknown;
  readonly asyncProperty: (...values: never[]) => unknown;
}
