/** What becomes of a tick while the run of the tick before is under way. */
import { expect, test } from "vitest";
import { defineWorkflow, type Engine } from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";

/** Long, so that no other tick falls due while a test runs. */
const PERIOD = 6 * 3_600_000;
const OF = { workflow: "regular", trigger: "tick" };
const WAIT = { timeout: 20_000 };

type Overlap = "allow" | "skip" | "queue" | "cancelPrevious";

/** A run lasts until it gets the signal `go`. */
const regular = (overlap: Overlap) =>
  defineWorkflow({
    format: 1,
    name: "regular",
    nodes: {
      tick: { kind: "trigger", source: { type: "schedule", every: "6h", catchUp: "all", overlap } },
      wait: { kind: "wait", for: { signal: "go" } },
    },
    edges: [{ from: "tick", to: "wait" }],
  });

class Scene {
  readonly engine: Engine;
  readonly #backend: Backend;
  #periods = 0;
  #first = 0;

  constructor(backend: Backend, overlap: Overlap) {
    this.#backend = backend;
    this.engine = backend.engine({ workflows: [regular(overlap)] });
  }

  async start(): Promise<void> {
    await this.engine.start();
    [this.#first] = (await this.engine.schedules.next({ ...OF, count: 1 })) as [number];
  }

  async periodLater(): Promise<void> {
    await shiftClock(this.#backend.database, ++this.#periods * PERIOD);
  }

  /** The runs that there are, as the number of their tick (from 1) and their status, the oldest first. */
  async runs(): Promise<readonly string[]> {
    const rows = await this.#rows();
    return rows.map(({ tick, status }) => `${tick} ${status}`);
  }

  async finish(tick: number): Promise<void> {
    const row = (await this.#rows()).find((each) => each.tick === tick);
    await this.engine.runs.signal(row!.id, "go");
  }

  /** Number of the tick that is next. */
  async next(): Promise<number> {
    const schedule = await this.engine.schedules.get(OF);
    return (schedule!.nextAt! - this.#first) / PERIOD + 1;
  }

  async #rows(): Promise<readonly { id: string; tick: number; status: string }[]> {
    const rows = await this.#backend.database.query<{ id: string; at: string; status: string }>(
      "select id, input->>'firedAt' as at, status from flowforge.runs order by 2",
    );
    return rows.map(({ id, at, status }) => ({
      id,
      status,
      tick: (Date.parse(at) - this.#first) / PERIOD + 1,
    }));
  }
}

onEachBackend("a tick while the run before it is under way", (name) => {
  const scene = async (backend: Backend, overlap: Overlap): Promise<Scene> => {
    const made = new Scene(backend, overlap);
    await made.start();
    await made.periodLater();
    await expect.poll(() => made.runs(), WAIT).toEqual(["1 waiting"]);
    await made.periodLater();
    return made;
  };

  test("allow: begins beside it", async () => {
    await using backend = await openBackend(name);
    const ticks = await scene(backend, "allow");
    await expect.poll(() => ticks.runs(), WAIT).toEqual(["1 waiting", "2 waiting"]);
  });

  test("skip: is passed over, and the one after that run has its run again", async () => {
    await using backend = await openBackend(name);
    const ticks = await scene(backend, "skip");
    await expect.poll(() => ticks.next(), WAIT).toBe(3);
    expect(await ticks.runs()).toEqual(["1 waiting"]);
    await ticks.finish(1);
    await expect.poll(() => ticks.runs(), WAIT).toEqual(["1 succeeded"]);
    await ticks.periodLater();
    await expect.poll(() => ticks.runs(), WAIT).toEqual(["1 succeeded", "3 waiting"]);
  });

  test("queue: waits for its end, and those behind it wait in line", async () => {
    await using backend = await openBackend(name);
    const ticks = await scene(backend, "queue");
    await ticks.periodLater();
    await expect.poll(() => ticks.next(), WAIT).toBe(2);
    expect(await ticks.runs()).toEqual(["1 waiting"]);
    await ticks.finish(1);
    await expect.poll(() => ticks.runs(), WAIT).toEqual(["1 succeeded", "2 waiting"]);
    await ticks.finish(2);
    await expect.poll(() => ticks.runs(), WAIT).toEqual(["1 succeeded", "2 succeeded", "3 waiting"]);
  });

  test("cancelPrevious: ends it, and begins", async () => {
    await using backend = await openBackend(name);
    const ticks = await scene(backend, "cancelPrevious");
    await expect.poll(() => ticks.runs(), WAIT).toEqual(["1 cancelled", "2 waiting"]);
  });
});
