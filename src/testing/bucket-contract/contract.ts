/** What token buckets must do, on whatever they are kept: the definition, as a suite. */
import type fastCheck from "fast-check";
import { freshTokens } from "../../core/limits/bucket.ts";
import type { Rate } from "../../core/limits/workspace-limits.ts";
import type { Buckets, Tokens } from "../../core/ports/allowances.ts";
import type { PropertyLibrary, TestFramework } from "../test-framework.ts";

export interface BucketsUnderTest {
  readonly buckets: Buckets;
  /** Another connection to the same buckets. */
  readonly second: Buckets;
  /** Shifts the clock of the buckets. */
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

export interface BucketTools extends TestFramework {
  readonly fc: PropertyLibrary;
}

const TIMEOUT_MS = 60_000;
/** So slow that no clock of a test fills a token. */
const SLOW: Rate = { perSecond: 0.001, burst: 100 };

export function bucketContract(
  name: string,
  open: () => Promise<BucketsUnderTest>,
  { describe, test, expect, ...tools }: BucketTools,
): void {
  const fc = tools.fc as typeof fastCheck;
  const rule = (title: string, body: (bench: BucketsUnderTest) => Promise<void>): unknown =>
    test(
      title,
      async () => {
        const bench = await open();
        try {
          await body(bench);
        } finally {
          await bench.close();
        }
      },
      TIMEOUT_MS,
    );
  let count = 0;
  const newWorkspace = (): string => `ws ${count++} ü`;

  describe(`bucket contract: ${name}`, () => {
    rule("a bucket that nobody knows holds a block, and what is taken is gone for all", async (bench) => {
      const rate = { perSecond: 50, burst: 1_000 };
      const fast = await one(bench.buckets, { workspace: newWorkspace(), rate, wanted: 1_000 });
      expect(fast.tokens).toBe(freshTokens(rate));
      const workspace = newWorkspace();
      expect((await one(bench.buckets, { workspace, rate: SLOW, wanted: 5 })).tokens).toBe(1);
      const again = await one(bench.second, { workspace, rate: SLOW, wanted: 5 });
      expect(again.tokens).toBe(0);
      expect(again.waitMs > 900_000 && again.waitMs <= 1_000_000).toBe(true);
    });

    rule("it fills with the time, up to its burst", async ({ buckets, advance }) => {
      const workspace = newWorkspace();
      const rate = { perSecond: 1, burst: 3 };
      await one(buckets, { workspace, rate, wanted: 1 });
      await advance(60_000);
      expect((await one(buckets, { workspace, rate, wanted: 2 })).tokens).toBe(2);
      // One is left, and what the clock of a server adds meanwhile.
      expect((await one(buckets, { workspace, rate, wanted: 9 })).tokens >= 1).toBe(true);
      await advance(3_600_000);
      expect((await one(buckets, { workspace, rate, wanted: 9 })).tokens).toBe(3);
    });

    rule("what comes back is there again, and never more than the burst", async ({ buckets, second }) => {
      const workspace = newWorkspace();
      await one(buckets, { workspace, rate: SLOW, wanted: 1 });
      expect((await one(second, { workspace, rate: SLOW, wanted: 0, returned: 7 })).tokens).toBe(0);
      expect((await one(buckets, { workspace, rate: SLOW, wanted: 3, returned: 1 })).tokens).toBe(3);
      await one(buckets, { workspace, rate: SLOW, wanted: 0, returned: 5_000 });
      expect((await one(buckets, { workspace, rate: SLOW, wanted: 5_000 })).tokens).toBe(100);
    });

    rule("a rate that is changed holds from the next time on", async ({ buckets, advance }) => {
      const workspace = newWorkspace();
      await one(buckets, { workspace, rate: SLOW, wanted: 0, returned: 100 });
      expect((await one(buckets, { workspace, rate: { ...SLOW, burst: 2 }, wanted: 9 })).tokens).toBe(2);
      await advance(10_000);
      const quick = { perSecond: 1, burst: 5 };
      expect((await one(buckets, { workspace, rate: quick, wanted: 9 })).tokens).toBe(5);
    });

    rule("many are asked at once, and each answers for itself", async ({ buckets }) => {
      const names = [newWorkspace(), newWorkspace(), newWorkspace()];
      await one(buckets, { workspace: names[1]!, rate: SLOW, wanted: 1 });
      const asks = names.map((workspace) => ({ workspace, rate: SLOW, wanted: 1, returned: 0 }));
      expect((await buckets.take(asks)).map(({ tokens }) => tokens)).toEqual([1, 0, 1]);
      expect(await buckets.take([])).toEqual([]);
    });

    rule("many who ask together get no more than there is", async ({ buckets, second }) => {
      const workspace = newWorkspace();
      await one(buckets, { workspace, rate: SLOW, wanted: 0, returned: 50 });
      const taken = await Promise.all(
        Array.from({ length: 40 }, (_, at) =>
          one(at % 2 === 0 ? buckets : second, { workspace, rate: SLOW, wanted: 3 }),
        ),
      );
      expect(taken.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(51);
    });

    rule(
      "for any asks: whole tokens, no more than wanted, and in all no more than there were",
      async ({ buckets }) => {
        const ask = fc.record({ wanted: fc.nat(20), back: fc.nat(5) });
        await fc.assert(
          fc.asyncProperty(fc.array(ask, { maxLength: 15 }), async (asks) => {
            const workspace = newWorkspace();
            let mine = 0;
            for (const { wanted, back } of asks) {
              const returned = Math.min(back, mine);
              const { tokens } = await one(buckets, { workspace, rate: SLOW, wanted, returned });
              expect(Number.isInteger(tokens) && tokens <= wanted).toBe(true);
              mine += tokens - returned;
              expect(mine <= 1).toBe(true);
            }
          }),
          { numRuns: 30 },
        );
      },
    );
  });
}

interface Ask {
  readonly workspace: string;
  readonly rate: Rate;
  readonly wanted: number;
  readonly returned?: number;
}

async function one(buckets: Buckets, ask: Ask): Promise<Tokens> {
  const [tokens] = await buckets.take([{ returned: 0, ...ask }]);
  return tokens!;
}
