/**
 * Shares by weight, without servers and without time: workers with all that decides whose turn it is, lines that are never empty, and actions
 * that end one after the other.
 */
import { describe, expect, test } from "vitest";
import type { HeldRef, HeldStore } from "../../../src/core/ports/held.ts";
import type { Task } from "../../../src/core/ports/scheduler.ts";
import { createMemoryStore } from "../../../src/testing.ts";
import { Admission } from "../../../src/worker/admission/admission.ts";
import { Admitter } from "../../../src/worker/admission/admitter.ts";
import { QueueRoom } from "../../../src/worker/admission/queue-room.ts";
import { Backlog } from "../../../src/worker/backlog.ts";
import { FairTurns } from "../../../src/core/limits/fair-turns.ts";
import { LimitBook } from "../../../src/worker/limit-book.ts";
import { Slots } from "../../../src/worker/slots.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** The lines of the store. Where two take the same one, the first has it. */
class Lines {
  readonly #lines = new Map<string, HeldRef[]>();

  constructor(workspaces: readonly string[], length: number) {
    for (const workspace of workspaces) {
      const line = Array.from({ length }, (_, n) => ({
        lane: "default",
        workspace,
        runId: `${workspace}-${n}`,
        node: "a",
        item: -1,
        fence: 0,
        dispatches: 0,
        workflow: "one",
        version: 1,
        heldAt: n,
      }));
      this.#lines.set(workspace, line);
    }
  }

  readonly store: HeldStore = {
    lines: async () =>
      [...this.#lines].flatMap(([workspace, line]) =>
        line.length > 0 ? [{ lane: "default", workspace, since: line[0]!.heldAt }] : [],
      ),
    first: async (asked) =>
      asked.flatMap(({ workspace, limit }) => this.#lines.get(workspace)!.slice(0, limit)),
    queued: async () => new Map(),
    capacity: async () => 0,
  };

  /** `false`: somebody else has it. */
  take({ workspace, runId }: Task): boolean {
    const line = this.#lines.get(workspace)!;
    const index = line.findIndex((ref) => ref.runId === runId);
    if (index >= 0) line.splice(index, 1);
    return index >= 0;
  }
}

interface Shares {
  readonly weights: { readonly [workspace: string]: number };
  readonly workers: number;
  readonly places: number;
}

/** One worker: what it has claimed runs until it is told to end something. */
class Simulated {
  readonly claimed: string[] = [];
  readonly #running: Task[] = [];
  readonly #slots: Slots;
  readonly #admitter: Admitter;

  constructor(lines: Lines, { weights, workers, places }: Shares) {
    const memory = createMemoryStore();
    const rules = { plans: new Map(), base: {} };
    const book = new LimitBook({ limits: memory.limits, rules, logger: silent });
    for (const [workspace, weight] of Object.entries(weights))
      book.put({ workspace, plan: null, limits: { weight } });
    const allowances = new Admission({
      book,
      buckets: memory.buckets,
      places: memory.places,
      logger: silent,
      workers: () => workers,
    });
    const turns = new FairTurns();
    const slots = (this.#slots = new Slots(places, () => 0));
    const backlog = new Backlog({
      slots,
      claim: async (task) => {
        if (!lines.take(task)) return slots.release(task.workspace);
        this.claimed.push(task.workspace);
        this.#running.push(task);
      },
      send: () => expect.unreachable("nothing goes to the queue"),
      hold: () => expect.unreachable("what came from a line goes into none"),
      workers: () => workers,
      turns,
      gauge: (workspace) => allowances.gauge(workspace),
      onGone: (task) => this.#admitter.gone(task),
    });
    slots.onChange(() => backlog.drain());
    const room = new QueueRoom({
      held: lines.store,
      book,
      workers: () => workers,
      concurrency: places,
      alone: () => false,
    });
    this.#admitter = new Admitter({
      held: lines.store,
      lanes: ["default"],
      slots,
      backlog,
      turns,
      allowances,
      room,
      workerId: () => "w",
    });
  }

  async round(): Promise<void> {
    await this.#admitter.round();
  }

  /** The one that has run longest ends. */
  end(): void {
    const ended = this.#running.shift();
    if (ended) this.#slots.release(ended.workspace);
  }
}

async function claims(of: Shares, count: number): Promise<ReadonlyMap<string, number>> {
  const workspaces = Object.keys(of.weights);
  const lines = new Lines(workspaces, count);
  const workers = Array.from({ length: of.workers }, () => new Simulated(lines, of));
  const all = (): readonly string[] => workers.flatMap(({ claimed }) => claimed);
  while (all().length < count) {
    for (const worker of workers) {
      await worker.round();
      // Not always as many: what ends together begins together.
      for (let ended = 0; ended < 7; ended++) worker.end();
    }
  }
  const found = new Map(workspaces.map((workspace) => [workspace, 0]));
  for (const workspace of all()) found.set(workspace, found.get(workspace)! + 1);
  return found;
}

describe("workspaces that always have work share the workers by weight, to a tenth", () => {
  test.each<Shares>([
    { weights: { one: 1, three: 3 }, workers: 1, places: 4 },
    { weights: { one: 1, three: 3 }, workers: 1, places: 50 },
    { weights: { one: 1, three: 3 }, workers: 4, places: 20 },
    { weights: { one: 1, ten: 10 }, workers: 2, places: 30 },
    { weights: { a: 1, b: 2, c: 3, d: 4 }, workers: 2, places: 15 },
  ])("$weights on $workers workers of $places places", async (of) => {
    const { sum, weights, found } = await judged(of);
    for (const [workspace, weight] of Object.entries(of.weights)) {
      const share = found.get(workspace)! / ((sum * weight) / weights);
      expect(share, workspace).toBeGreaterThan(0.9);
      expect(share, workspace).toBeLessThan(1.1);
    }
  });
});

test("one whose few places all end at once has more by the place that is kept for it: at most one in twenty of all", async () => {
  const of = { weights: { a: 1, b: 2, c: 3, d: 4 }, workers: 2, places: 25 };
  const { sum, weights, found } = await judged(of);
  for (const [workspace, weight] of Object.entries(of.weights))
    expect(Math.abs(found.get(workspace)! / sum - weight / weights), workspace).toBeLessThan(1 / 20);
});

async function judged(of: Shares): Promise<{
  readonly found: ReadonlyMap<string, number>;
  readonly sum: number;
  readonly weights: number;
}> {
  const found = await claims(of, 2_000);
  const sum = [...found.values()].reduce((a, b) => a + b, 0);
  const weights = Object.values(of.weights).reduce((a, b) => a + b, 0);
  return { found, sum, weights };
}
