/** What the parts of the suite share: a store for each rule, and the test framework that was handed in. */
import type * as vitest from "vitest";
import type { Store } from "../../core/ports/store.ts";

/** A store to be tested. `factory` makes an empty one for each rule. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Shifts the store's own clock forward; it may also run by itself. */
  readonly clock: { advance(ms: number): void | Promise<void> };
  /** Another handle (another connection) to the same data. Default: `store`. */
  readonly second?: Store;
  close(): void | Promise<void>;
}

export type StoreFactory = () => StoreUnderTest | Promise<StoreUnderTest>;

/** Of vitest, handed in so that this module needs it only as a type. */
export type TestFramework = Pick<typeof vitest, "describe" | "test" | "expect">;

export interface Bench {
  readonly store: Store;
  readonly second: Store;
  advance(ms: number): Promise<void>;
}

export interface Kit {
  readonly expect: TestFramework["expect"];
  readonly describe: TestFramework["describe"];
  /** One thing that a store must do, on a store of its own. */
  rule(title: string, body: (bench: Bench) => Promise<void>): void;
}

const TIMEOUT_MS = 60_000;

export function makeKit(factory: StoreFactory, { describe, test, expect }: TestFramework): Kit {
  const rule: Kit["rule"] = (title, body) => {
    test(title, { timeout: TIMEOUT_MS }, async () => {
      const { store, second = store, clock, ...rest } = await factory();
      try {
        await body({ store, second, advance: async (ms) => clock.advance(ms) });
      } finally {
        await rest.close();
      }
    });
  };
  return { expect, describe, rule };
}

export function seedOf(): { readonly seed?: number } {
  const seed = process.env["FLOWFORGE_SEED"];
  return seed === undefined ? {} : { seed: Number(seed) };
}

/** Order for lists of lists. */
export function byText(a: unknown, b: unknown): number {
  return String(a) < String(b) ? -1 : 1;
}
