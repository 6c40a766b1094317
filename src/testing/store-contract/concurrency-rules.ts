/** The counter under pressure: whatever happens at once, each success is one step, and no step has two owners. */
import type { Store } from "../../core/ports/store.ts";
import { loaded, message, move, row, seqOf, stored } from "./entries.ts";
import { seedOf, type Kit } from "./kit.ts";

const RUNS = 10;
const OPERATIONS = 500;
const LANES = 8;

interface Operation {
  readonly kind: "commit" | "append" | "locked";
  readonly run: number;
  readonly handle: number;
}

/** What succeeded: the `seq` of every commit by run, and the number of messages by run. */
class Tally {
  readonly commits: number[][] = Array.from({ length: RUNS }, () => []);
  readonly messages: number[] = Array.from({ length: RUNS }, () => 0);
  #next = 0;

  async perform({ kind, run }: Operation, store: Store, runId: string): Promise<void> {
    const node = `n${this.#next++}`;
    if (kind === "append") {
      const [answer] = await store.append([message(runId, node)]);
      if (answer === "stored") this.messages[run]!++;
      return;
    }
    const verdict =
      kind === "commit"
        ? (await store.commit([move(runId, await seqOf(store, runId), { nodes: [row(node)] })]))[0]
        : await store.commitLocked({ runId }, async (now) =>
            move(runId, now!.header.seq, { nodes: [row(node)] }),
          );
    if (verdict?.type === "committed") this.commits[run]!.push(verdict.seq);
    else if (verdict?.type !== "moved" && verdict?.type !== "locked")
      throw new Error(`Verdict ${verdict?.type}`);
    else if (kind === "locked") throw new Error("The locked path was overtaken.");
  }
}

export function concurrencyRules({ rule, expect, fc }: Kit): void {
  rule("the sum of all seq is the number of commits and messages", async ({ store, second }) => {
    const operation = fc.record<Operation>({
      kind: fc.constantFrom("commit", "commit", "append", "locked"),
      run: fc.integer({ min: 0, max: RUNS - 1 }),
      handle: fc.integer({ min: 0, max: 1 }),
    });
    const operations = fc.array(operation, { minLength: OPERATIONS, maxLength: OPERATIONS });
    const property = fc.asyncProperty(operations, async (all) => {
      const ids = await Promise.all(Array.from({ length: RUNS }, () => stored(store)));
      const tally = new Tally();
      const queue = [...all];
      const lane = async (): Promise<void> => {
        for (let op = queue.shift(); op; op = queue.shift()) {
          await tally.perform(op, op.handle ? second : store, ids[op.run]!);
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      for (const [run, id] of ids.entries()) {
        const { header, nodes, inbox } = await loaded(store, id);
        const commits = tally.commits[run]!;
        expect(header.seq).toBe(1 + commits.length + tally.messages[run]!);
        expect(inbox).toHaveLength(tally.messages[run]!);
        // One row was written by each commit, under the seq that its verdict named.
        expect(nodes.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(commits.sort((a, b) => a - b));
        expect(new Set(commits).size).toBe(commits.length);
      }
    });
    // No shrinking: the order in which things meet is not the generator's, so a smaller case proves little.
    await fc.assert(property, { numRuns: 3, endOnFailure: true, ...seedOf() });
  });

  rule("of many who decided on the same seq one wins", async ({ store, second }) => {
    const id = await stored(store);
    for (let seq = 1; seq <= 10; seq++) {
      const entries = Array.from({ length: 10 }, (_, i) => move(id, seq, { nodes: [row(`${seq}-${i}`)] }));
      const verdicts = await Promise.all(entries.map((entry, i) => (i % 2 ? store : second).commit([entry])));
      expect(verdicts.flat().filter(({ type }) => type === "committed")).toHaveLength(1);
    }
    const { header, nodes } = await loaded(store, id);
    expect([header.seq, nodes.length]).toEqual([11, 10]);
  });
}
