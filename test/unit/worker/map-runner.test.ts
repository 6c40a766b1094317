/** Items of a map in one process: whatever comes between their claim and their first attempt, they and their places go back. */
import { beforeEach, expect, test } from "vitest";
import { ActionRegistry } from "../../../src/actions/registry.ts";
import { defineAction } from "../../../src/core/definition/action.ts";
import { defineWorkflow } from "../../../src/core/definition/workflow.ts";
import { compilePlan } from "../../../src/core/graph/compile-plan.ts";
import { layerOf, limitsInForce } from "../../../src/core/limits/workspace-limits.ts";
import type { Store } from "../../../src/core/ports/store.ts";
import { newRun } from "../../../src/core/run/advance.ts";
import { createMemoryStore } from "../../../src/testing/memory-store.ts";
import { changed, mapped } from "../../../src/testing/store-contract/map-entries.ts";
import { Gauge } from "../../../src/worker/admission/gauge.ts";
import { isMapNode } from "../../../src/worker/maps/map-node.ts";
import { MapRunner } from "../../../src/worker/maps/map-runner.ts";
import { Slots } from "../../../src/worker/slots.ts";

const action = defineAction({ name: "call", run: () => new Promise(() => undefined) });
const registry = new ActionRegistry([action]);
const plan = compilePlan(
  defineWorkflow({
    format: 1,
    name: "w",
    nodes: { m: { kind: "action", action: "call", forEach: "input.list", input: {} } },
    edges: [],
  }).document,
);
/** Its items begin by something that this test has in its hands. */
const node = { ...plan.nodes.find(isMapNode)!, isChild: true };
const PLACES = 10;

let store: Store;
beforeEach(() => void (store = createMemoryStore()));

interface Given {
  readonly slots?: Slots;
  /** What stands in place of parts of the store. */
  readonly store?: Partial<Store>;
  readonly isRefused?: boolean;
}

async function bench(given: Given = {}) {
  const { slots = new Slots(PLACES), isRefused = false } = given;
  const runId = await mapped(store);
  const limits = limitsInForce([layerOf({ concurrency: PLACES }, "acme")]);
  const gauge = new Gauge(
    "acme",
    () => limits,
    () => performance.now(),
  );
  gauge.leased(gauge.send(gauge.placeAsk(PLACES)!), { places: PLACES, cap: null });
  const values = { input: {}, trigger: {}, run: {}, outputs: new Map(), errors: new Map() };
  const run = {
    id: runId,
    identity: { workspace: "acme", workflow: "w", version: 1 },
    plan,
    state: newRun(plan, values),
    data: values,
    bytes: 0,
    started: { workspace: "acme", workflow: "w", input: {}, trigger: {} },
    fetch: async () => undefined,
  };
  const by = { workspace: "acme", scope: "target", name: "call" };
  const breakers = { room: (_: unknown, wanted: number) => wanted, refuse: () => (isRefused ? by : null) };
  const logged: string[] = [];
  const log = (_: object, message: string): number => logged.push(message);
  let begun = 0;
  const env = {
    store: {
      claimItems: (...of: Parameters<Store["claimItems"]>) => store.claimItems(...of),
      finishItems: (...of: Parameters<Store["finishItems"]>) => store.finishItems(...of),
      inputs: async () => [[1, 2, 3]],
      ...given.store,
    },
    logger: { debug: log, info: log, warn: log, error: log },
    limits: { maxBytes: 1_000, maxDepth: 10, runBytes: 1_000_000 },
    clock: { now: () => Date.now() },
    breakers,
    admission: { charge: () => undefined, allowances: { gauge: () => gauge, ask: async () => undefined } },
    workshop: () => ({ workerId: "w" }),
    leave: (workspace: string, places: number) =>
      places < 0 ? slots.borrow(workspace, -places) : slots.release(workspace, places),
    random: () => 0.5,
    stopped: () => false,
    pause: () => new Promise(setImmediate),
  };
  const never = new Promise<never>(() => undefined);
  const nothing = (): void => undefined;
  const children = {
    open: () => (begun++, { outcome: never, ended: never, cancel: nothing, interrupt: nothing }),
  };
  let idle = 0;
  const options = { env, run, node, action: registry.get("call")!, retry: null, slots, children };
  const told = { onSurplus: () => undefined, onComplete: async () => undefined, onFenced: () => undefined };
  const runner = new MapRunner({ ...options, ...told, onIdle: () => void idle++ } as never, 2);
  slots.onChange(() => runner.roomMade());
  const look = async (): Promise<void> => {
    runner.look();
    await runner.quiet();
  };
  const map = async () => (await store.claimItems({ runId, node: "m", worker: "other", limit: 0 })).map!;
  return { runId, runner, gauge, slots, look, map, logged, begun: () => begun, idle: () => idle };
}

test("an item that a breaker refuses leaves its place in the worker and that of its workspace", async () => {
  const { look, map, slots, gauge } = await bench({ isRefused: true });
  await look();
  expect(await map()).toMatchObject({ running: 0, waiting: 3 });
  expect([slots.free, gauge.running]).toEqual([PLACES, 0]);
});

test("items whose list cannot be read go back as they were, and so do their places", async () => {
  let reads = 0;
  const inputs = async () => {
    if (reads++ === 0) throw new Error("away");
    return [[1, 2, 3]];
  };
  const { look, map, slots, gauge, begun, logged } = await bench({ store: { inputs } });
  await look();
  expect(logged).toHaveLength(1);
  // The next look has them all, each with its first attempt.
  expect(await map()).toMatchObject({ running: 3, waiting: 0, failed: 0 });
  expect(begun()).toBe(3);
  expect([slots.free, gauge.running]).toEqual([PLACES - 3, 3]);
});

test("what a worker gets that was declared dead meanwhile is not begun", async () => {
  const given = {
    claimItems: async (...of: Parameters<Store["claimItems"]>) => {
      const claimed = await store.claimItems(...of);
      runner.interrupt();
      return claimed;
    },
  };
  const { runner, look, slots, gauge, begun } = await bench({ store: given });
  await look();
  expect(begun()).toBe(0);
  expect([slots.free, gauge.running]).toEqual([PLACES, 0]);
});

test("who waits for room does not go on waiting when the map wants nothing more", async () => {
  const slots = new Slots(PLACES);
  expect(slots.take("busy", PLACES)).toBe(PLACES);
  const { runId, look, idle } = await bench({ slots });
  await look();
  expect(idle()).toBe(0);
  await changed(store, runId, { maps: [{ type: "close", node: "m", fence: 2 }] });
  await look();
  expect(idle()).toBe(1);
});
