/** What the parts of the suite share: a store for each rule, and the test framework that was handed in. */
import type fastCheck from "fast-check";
import type { Store } from "../../core/ports/store.ts";
import type { PropertyLibrary, TestFramework } from "../test-framework.ts";

export type FastCheck = typeof fastCheck;

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

/** What a store contract is run with: vitest's or Jest's functions, and fast-check. */
export interface StoreContractTools extends TestFramework {
  readonly fc: PropertyLibrary;
}

export interface Bench {
  readonly store: Store;
  readonly second: Store;
  advance(ms: number): Promise<void>;
}

export interface Kit {
  readonly expect: TestFramework["expect"];
  readonly describe: TestFramework["describe"];
  readonly fc: FastCheck;
  /** One thing that a store must do, on a store of its own. */
  rule(title: string, body: (bench: Bench) => Promise<void>): void;
}

const TIMEOUT_MS = 60_000;

export function makeKit(factory: StoreFactory, { describe, test, expect, fc }: StoreContractTools): Kit {
  const rule: Kit["rule"] = (title, body) => {
    const run = async (): Promise<void> => {
      const subject = await factory();
      const { store, second = store, clock } = subject;
      try {
        await body({ store, second, advance: async (ms) => clock.advance(ms) });
      } finally {
        await subject.close();
      }
    };
    test(title, run, TIMEOUT_MS);
  };
  return { expect, describe, fc: fc as FastCheck, rule };
}

export function seedOf(): { readonly seed?: number } {
  const seed = process.env["FLOWFORGE_SEED"];
  return seed === undefined ? {} : { seed: Number(seed) };
}

/** Order for lists of lists. */
export function byText(a: unknown, b: unknown): number {
  return String(a) < String(b) ? -1 : 1;
}
