/** Joins that start at the first edge, and what becomes of the other branches, on each backend. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Action, defineWorkflow, type Engine, type Json, type RunHandle } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

/** Actions of a race: `fast` ends as soon as `slow` has begun, and `slow` when the test says so. */
class Race {
  /** The input that the winner's join got. */
  seen: Json | undefined;
  /** Why `slow` was told to stop. */
  readonly stopped: Promise<string>;
  readonly #begun: Promise<void>;
  #release: (output: Json) => void = () => {};
  #begin: () => void = () => {};
  #stop: (reason: string) => void = () => {};

  constructor() {
    this.#begun = new Promise((resolve) => (this.#begin = resolve));
    this.stopped = new Promise((resolve) => (this.#stop = resolve));
  }

  release(output: Json): void {
    this.#release(output);
  }

  /** `obeys`: `slow` fails when it is told to stop; else it goes on. */
  actions(obeys: boolean): readonly Action[] {
    const fast = action("fast", () => this.#begun.then(() => "fast"));
    const join = action("join", ({ input }) => (this.seen = input));
    const slow = action("slow", ({ signal }) => {
      this.#begin();
      return new Promise<Json>((resolve, reject) => {
        this.#release = resolve;
        signal.addEventListener("abort", () => {
          this.#stop((signal.reason as Error).message);
          if (obeys) reject(signal.reason as Error);
        });
      });
    });
    return [fast, join, slow, action("after", () => "after")];
  }
}

const race = (cancelOthers: boolean, lane = "default") =>
  defineWorkflow({
    format: 1,
    name: "race",
    nodes: {
      fast: { kind: "action", action: "fast" },
      slow: { kind: "action", action: "slow", lane },
      after: { kind: "action", action: "after" },
      join: {
        kind: "action",
        action: "join",
        input: { fast: "{{ nodes.fast.output }}", slow: "{{ nodes.slow.output }}" },
        join: cancelOthers ? { first: true, cancelOthers } : "first",
      },
    },
    edges: [
      { from: "fast", to: "join" },
      { from: "slow", to: "after" },
      { from: "after", to: "join" },
    ],
    output: { join: "{{ nodes.join.output }}", slow: "{{ nodes.slow.output }}" },
  });

const WON = { fast: "fast", slow: null };

async function statuses(run: RunHandle): Promise<{ readonly [node: string]: string }> {
  const { nodes } = await run.detail();
  return Object.fromEntries(nodes.map(({ node, status }) => [node, status]));
}

onEachBackend("first joins", (name) => {
  let backend: Backend;
  let actions: Race;

  beforeEach(async () => {
    actions = new Race();
    backend = await openBackend(name);
  });

  afterEach(() => backend[Symbol.asyncDispose]());

  async function start(engine: Engine, cancelOthers: boolean, lane?: string): Promise<RunHandle> {
    await engine.start();
    return engine.runs.start(race(cancelOthers, lane), { input: {} });
  }

  test("the first branch starts the join, which reads null of the other; the other runs to its end", async () => {
    const run = await start(backend.engine({ actions: actions.actions(true) }), false);
    for await (const move of run.events()) {
      if (move.type === "node" && move.node === "join" && move.status === "succeeded")
        actions.release("late");
    }
    expect(await run.result()).toEqual({ join: WON, slow: "late" });
    expect(actions.seen).toEqual(WON);
    expect(await statuses(run)).toMatchObject({ after: "succeeded" });
  });

  test("with cancelOthers a running action is told to stop, and nothing behind it begins", async () => {
    const run = await start(backend.engine({ actions: actions.actions(true) }), true);
    expect(await actions.stopped).toBe("This step was cancelled.");
    expect(await run.result({ timeout: "20s" })).toEqual({ join: WON, slow: null });
    expect(await statuses(run)).toEqual({
      fast: "succeeded",
      slow: "cancelled",
      after: "cancelled",
      join: "succeeded",
    });
  });

  test("with cancelOthers the success of an action that did not stop is recorded", async () => {
    const run = await start(backend.engine({ actions: actions.actions(false) }), true);
    await actions.stopped;
    actions.release("done all the same");
    expect(await run.result({ timeout: "20s" })).toEqual({ join: WON, slow: "done all the same" });
    expect(await statuses(run)).toMatchObject({ slow: "succeeded", after: "cancelled" });
  });

  test("with cancelOthers an action in another process is told by its heartbeat", async () => {
    const other = backend.engine({ actions: actions.actions(true), worker: { lanes: ["other"] } });
    await other.start();
    const run = await start(backend.engine({ actions: actions.actions(true) }), true, "other");
    await actions.stopped;
    expect(await run.result({ timeout: "20s" })).toEqual({ join: WON, slow: null });
    expect(await statuses(run)).toMatchObject({ slow: "cancelled" });
  });
});
