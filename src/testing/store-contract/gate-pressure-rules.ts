/** Gates under pressure: whatever starts, ends and is let in at once, no gate ever has too many, and nobody waits for ever. */
import type { CommitEntry } from "../../core/ports/commit.ts";
import type { GateRef } from "../../core/ports/gates.ts";
import type { Store } from "../../core/ports/store.ts";
import { loaded, move, newId, newRun, start, WORKSPACE } from "./entries.ts";
import { type Kit, seedOf } from "./kit.ts";

const GATES = 3;
const LIMIT = 2;
const OPERATIONS = 200;
const LANES = 8;

interface Operation {
  readonly kind: "start" | "end" | "admit";
  readonly gate: number;
  readonly handle: number;
}

class Place {
  /** Runs that are known to be under way: never more than there are. */
  readonly inside: Set<string> = new Set();
  readonly admitted: string[] = [];
  most = 0;
  readonly ref: GateRef;

  constructor(key: string) {
    this.ref = { workspace: WORKSPACE, workflow: "checkout", key };
  }

  async perform(kind: Operation["kind"], store: Store): Promise<void> {
    if (kind === "start") return this.#start(store);
    if (kind === "admit") return this.admit(store);
    const [runId] = this.inside;
    if (runId === undefined) return;
    this.inside.delete(runId);
    await this.#end(store, runId);
  }

  async admit(store: Store): Promise<void> {
    for (const runId of (await store.admit([this.ref])).told) {
      this.admitted.push(runId);
      this.#enter(runId);
    }
  }

  async #start(store: Store): Promise<void> {
    const runId = newId();
    const entry = (as: "take" | "wait"): CommitEntry =>
      start(runId, {
        start: newRun(),
        gate: { type: "enter", ...this.ref, limit: LIMIT, onLimit: "queue", as },
      });
    if (await commits(store, () => entry("take"))) return this.#enter(runId);
    if (!(await commits(store, () => entry("wait")))) throw new Error("A start that waits was refused.");
  }

  async #end(store: Store, runId: string): Promise<void> {
    const end = { status: "succeeded", finished: true, gate: { type: "leave" } } as const;
    const ended = await commits(store, async () => {
      const { header, inbox } = await loaded(store, runId);
      return move(runId, header.seq, { ...end, consumed: inbox.map(({ id }) => id) });
    });
    if (!ended) throw new Error("A run could not end.");
  }

  #enter(runId: string): void {
    this.inside.add(runId);
    this.most = Math.max(this.most, this.inside.size);
  }
}

/** `false`: there is no room. */
async function commits(store: Store, make: () => CommitEntry | Promise<CommitEntry>): Promise<boolean> {
  for (;;) {
    const [verdict] = await store.commit([await make()]);
    if (verdict!.type === "committed") return true;
    if (verdict!.type === "full") return false;
    if (verdict!.type !== "locked" && verdict!.type !== "moved") throw new Error(`Verdict ${verdict!.type}`);
  }
}

export function gatePressureRules({ rule, expect, fc, describe }: Kit): void {
  describe("gates: under pressure", () => {
    rule("never too many inside, and all come in", async ({ store, second }) => {
      const operation = fc.record<Operation>({
        kind: fc.constantFrom("start", "start", "end", "admit"),
        gate: fc.integer({ min: 0, max: GATES - 1 }),
        handle: fc.integer({ min: 0, max: 1 }),
      });
      const operations = fc.array(operation, { minLength: OPERATIONS, maxLength: OPERATIONS });
      const property = fc.asyncProperty(operations, async (all) => {
        const run = newId();
        const places = Array.from({ length: GATES }, (_, gate) => new Place(`${run}/${gate}`));
        const left = [...all];
        const lane = async (): Promise<void> => {
          for (let next = left.pop(); next; next = left.pop())
            await places[next.gate]!.perform(next.kind, next.handle === 0 ? store : second);
        };
        await Promise.all(Array.from({ length: LANES }, lane));
        for (const place of places) {
          for (let idle = 0; idle < 3; idle = place.inside.size > 0 ? 0 : idle + 1) {
            await place.perform("end", store);
            await place.admit(second);
          }
          expect(place.most).toBeLessThanOrEqual(LIMIT);
          expect(new Set(place.admitted).size).toBe(place.admitted.length);
          const waiting = await store.waitingGates({ limit: 100 });
          expect(waiting.filter(({ key }) => key === place.ref.key)).toEqual([]);
        }
      });
      await fc.assert(property, { numRuns: 3, endOnFailure: true, ...seedOf() });
    });
  });
}
