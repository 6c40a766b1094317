/** What `flowforge/testing` offers, and that its contracts need of a test framework only what they are handed. */
import { expect, test } from "vitest";
import * as testing from "../../../src/testing.ts";
import { collector } from "./collector.ts";

const { createMemoryNotifier, createMemoryScheduler, createMemoryStore, MemoryHub, MemoryNotifierHub } =
  testing;

test("stores, schedulers and notifiers in memory, what they meet through, and three contracts", () => {
  expect(Object.keys(testing).sort((a, b) => a.localeCompare(b, "en"))).toEqual([
    "actionContract",
    "createMemoryNotifier",
    "createMemoryScheduler",
    "createMemoryStore",
    "MemoryHub",
    "MemoryNotifierHub",
    "schedulerContract",
    "storeContract",
    "taskId",
  ]);
});

test("the contracts run with whatever framework they are given", async () => {
  const { tests, tools } = collector();
  let closed = 0;
  const store = createMemoryStore();
  testing.storeContract(
    "mine",
    () => ({ store, clock: { advance: () => {} }, close: () => void closed++ }),
    tools,
  );
  const ofStore = [...tests.keys()];
  expect(new Set(ofStore.map((title) => title.split(" > ")[0]))).toEqual(new Set(["store contract: mine"]));
  expect(ofStore.length).toBeGreaterThan(90);
  const [first] = tests.values();
  await first!();
  expect(closed).toBe(1);

  tests.clear();
  const hub = new MemoryHub();
  const fixture = { create: () => createMemoryScheduler({ hub }), wipe: async () => hub.wipe(), outages: [] };
  testing.schedulerContract("mine", async () => ({ ...fixture, dispose: async () => void closed++ }), tools);
  await tests.get("scheduler contract: mine > delivery > delivers a task as it was dispatched")!();
  expect(closed).toBe(2);
});

test("notifiers of one hub hear each other and not themselves; what is lost is lost", async () => {
  const hub = new MemoryNotifierHub();
  const [one, two] = [createMemoryNotifier({ hub }), createMemoryNotifier({ hub })];
  const heard: string[] = [];
  one.onMoved((runId) => heard.push(`one ${runId}`));
  two.onMoved((runId) => heard.push(`two ${runId}`));
  two.onWatch((runId) => heard.push(`watch ${runId}`));
  await Promise.all([one.open(), two.open()]);
  hub.loseNext();
  await one.moved(["lost"]);
  await one.moved(["a", "a", "b"]);
  await one.watch("c");
  await two.close();
  await one.moved(["d"]);
  expect(heard).toEqual(["two a", "two b", "watch c"]);
});
