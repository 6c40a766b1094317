/** Stuck runs are told once, when they are found: one that cannot be told must not keep the others from it. */
import { expect, test } from "vitest";
import { StuckRuns, type StuckParts } from "../../../src/engine/stuck.ts";
import { newId } from "../../../src/testing/store-contract/entries.ts";

test("every stuck run that is found is told, also where one of them could not be announced", async () => {
  const told: string[] = [];
  const announced: string[] = [];
  const logged: string[] = [];
  const ids = [newId(), newId(), newId()];
  const place = { workspace: "acme", workflow: "w", version: 1, node: null };
  const waiting = ids.map((runId) => ({
    ...place,
    runId,
    kind: "idle",
    status: "running",
    isOld: true,
    since: 1,
  }));
  let looks = 0;
  let wake: () => void = () => undefined;
  const second = new Promise<void>((resolve) => (wake = resolve));
  const parts = {
    store: {
      stuck: {
        takeTurn: async () => true,
        waiting: async () => waiting,
        rooms: async () => [],
        note: async (found: readonly object[]) => {
          if (++looks === 2) wake();
          return looks === 1 ? found : [];
        },
      },
      load: async ([{ runId }]: readonly [{ runId: string }]) => {
        if (runId === ids[0]) throw new Error("away");
        return [{ header: { labels: {} }, triggerPayload: null }];
      },
      events: {
        announce: async (events: readonly { payload: { runId: string } }[]) =>
          void announced.push(events[0]!.payload.runId),
      },
    },
    plan: async () => null,
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: (_: object, message: string) => logged.push(message),
      error: (_: object, message: string) => logged.push(message),
    },
    events: { emit: (name: string, { runId }: { runId: string }) => void told.push(`${name} ${runId}`) },
    afterMs: 20,
  };
  const stuck = new StuckRuns(parts as unknown as StuckParts);
  stuck.start({ maintain: true });
  await second;
  await stuck.stop();
  expect(told.filter((each) => each.startsWith("run.stuck"))).toEqual(ids.map((id) => `run.stuck ${id}`));
  expect(announced).toEqual(ids.slice(1));
  expect(logged.filter((message) => message === "a run is stuck")).toHaveLength(3);
  expect(logged).toContain("a stuck run could not be told to workflows");
});

test("a run whose definition cannot be read keeps nobody from being found", async () => {
  const ids = [newId(), newId()];
  let noted: (found: readonly { runId: string; reason: string }[]) => void = () => undefined;
  const found = new Promise<readonly { runId: string; reason: string }[]>((resolve) => (noted = resolve));
  const of = { workspace: "acme", version: 1, status: "running", isOld: true, since: 1 };
  const parts = {
    store: {
      stuck: {
        takeTurn: async () => true,
        waiting: async () => [
          { ...of, runId: ids[0], workflow: "bad", node: "a", kind: "ready" },
          { ...of, runId: ids[1], workflow: "w", node: null, kind: "idle" },
        ],
        rooms: async () => [],
        note: async (runs: readonly { runId: string; reason: string }[]) => (noted(runs), []),
      },
    },
    plan: async ({ workflow }: { workflow: string }) => {
      if (workflow === "bad") throw new Error("cannot be compiled");
      return null;
    },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    events: { emit: () => undefined },
    afterMs: 20,
  };
  const stuck = new StuckRuns(parts as unknown as StuckParts);
  stuck.start({ maintain: true });
  expect(await found).toMatchObject([
    { runId: ids[0], reason: "not_queued" },
    { runId: ids[1], reason: "nothing_moves" },
  ]);
  await stuck.stop();
});
