/** Schedules: they follow the triggers of the newest versions, fall due by the store's clock, and move by compare-and-set. */
import type { ScheduleSource, WorkflowDocument } from "../../core/definition/document.ts";
import type { ScheduleChange, SchedulePlace, ScheduleRecord } from "../../core/ports/schedules.ts";
import type { Store } from "../../core/ports/store.ts";
import { newId, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";

const HOURLY: ScheduleSource = { type: "schedule", every: "1h" };
const DAILY: ScheduleSource = { type: "schedule", cron: "0 3 * * *", timeZone: "Europe/Berlin" };
const PLACE: SchedulePlace = { workspace: WORKSPACE, workflow: "w", node: "tick" };

function document(name: string, source: ScheduleSource | null): WorkflowDocument {
  const tick = { kind: "trigger", ...(source ? { source } : {}) } as const;
  return {
    format: 1,
    name,
    nodes: { tick, a: { kind: "action", action: "x" } },
    edges: [{ from: "tick", to: "a" }],
  };
}

async function synced(store: Store, next: { dueAt: number | null; fireAt: number | null }): Promise<void> {
  const { triggers } = await store.schedules.unsynced(100);
  for (const trigger of triggers) await store.schedules.sync(trigger, next);
}

async function found(store: Store): Promise<ScheduleRecord> {
  const record = await store.schedules.get(PLACE);
  if (!record) throw new Error("There is no schedule.");
  return record;
}

function changeOf(record: ScheduleRecord, change: Partial<ScheduleChange>): ScheduleChange {
  const { paused, dueAt, fireAt, held, lastRun, lastDueAt, lastError } = record;
  return { paused, dueAt, fireAt, held, lastRun, lastDueAt, lastError, ...change };
}

export function scheduleRules({ describe, rule, expect }: Kit): void {
  describe("schedules", () => {
    rule(
      "follow the triggers of the newest version, and keep what the new one does not change",
      async (bench) => {
        const { store } = bench;
        await store.saveWorkflow(WORKSPACE, document("w", HOURLY), "c1");
        expect((await store.schedules.unsynced(100)).triggers).toEqual([{ ...PLACE, source: HOURLY }]);
        expect(await store.schedules.get(PLACE)).toBeNull();
        await synced(store, { dueAt: 1_000, fireAt: 2_000 });
        expect((await store.schedules.unsynced(100)).triggers).toEqual([]);
        const first = await found(store);
        const fresh = { paused: false, held: false, lastRun: null, lastDueAt: null, lastError: null };
        expect(first).toEqual({
          ...PLACE,
          source: HOURLY,
          starts: null,
          rev: 0,
          dueAt: 1_000,
          fireAt: 2_000,
          ...fresh,
        });

        // A sync that comes late or twice changes nothing.
        await store.schedules.sync({ ...PLACE, source: HOURLY }, { dueAt: 5, fireAt: 5 });
        await store.schedules.sync({ ...PLACE, source: DAILY }, { dueAt: 5, fireAt: 5 });
        expect(await found(store)).toEqual(first);

        const last = { lastRun: newId(), lastDueAt: 1_000, paused: true };
        expect(await store.schedules.advance(PLACE, 0, changeOf(first, { ...last, held: true }))).toBe(true);
        await store.saveWorkflow(WORKSPACE, document("w", DAILY), "c2");
        await synced(store, { dueAt: 7_000, fireAt: 7_000 });
        const second = { ...first, ...last, source: DAILY, rev: 2, dueAt: 7_000, fireAt: 7_000 };
        expect(await found(store)).toEqual(second);

        expect(await store.schedules.prune()).toBe(0);
        await store.saveWorkflow(WORKSPACE, document("w", null), "c3");
        expect(await store.schedules.prune()).toBe(1);
        expect(await store.schedules.get(PLACE)).toBeNull();
      },
    );

    rule(
      "fall due by the store's clock, unless they are paused or their trigger is another",
      async (bench) => {
        const { store } = bench;
        const dueNow = async (): Promise<readonly string[]> => {
          const { schedules } = await store.schedules.due(10);
          return schedules.map(({ node, version }) => `${node} ${version}`);
        };
        const at = (await store.now()) + 60_000;
        await store.saveWorkflow(WORKSPACE, document("w", HOURLY), "c1");
        await synced(store, { dueAt: at - 1_000, fireAt: at });
        expect(await dueNow()).toEqual([]);
        await bench.advance(61_000);
        expect(await dueNow()).toEqual(["tick 1"]);
        const { now, schedules } = await store.schedules.due(10);
        expect(now).toBeGreaterThanOrEqual(at);
        expect(schedules).toEqual([{ ...(await found(store)), version: 1 }]);

        const record = await found(store);
        await store.schedules.advance(PLACE, 0, changeOf(record, { paused: true }));
        expect(await dueNow()).toEqual([]);
        await store.schedules.advance(PLACE, 1, changeOf(record, {}));
        expect(await dueNow()).toEqual(["tick 1"]);
        await store.schedules.advance(PLACE, 2, changeOf(record, { dueAt: null, fireAt: null }));
        expect(await dueNow()).toEqual([]);
        await store.schedules.advance(PLACE, 3, changeOf(record, {}));
        await store.saveWorkflow(WORKSPACE, document("w", DAILY), "c2");
        expect(await dueNow()).toEqual([]);
      },
    );

    rule(
      "of a disabled workflow are neither due nor made, and only the paused ones are kept",
      async ({ store }) => {
        for (const name of ["w", "v"]) await store.saveWorkflow(WORKSPACE, document(name, HOURLY), "c1");
        await synced(store, { dueAt: 1, fireAt: 1 });
        const record = await found(store);
        await store.schedules.advance(PLACE, 0, changeOf(record, { paused: true }));
        for (const name of ["w", "v"]) await store.enableWorkflow(WORKSPACE, name, false);
        expect((await store.schedules.due(10)).schedules).toEqual([]);
        expect(await store.schedules.prune()).toBe(1);
        expect((await store.schedules.unsynced(10)).triggers).toEqual([]);
        await store.schedules.sync({ ...PLACE, workflow: "v", source: HOURLY }, { dueAt: 1, fireAt: 1 });
        const left = await store.schedules.list({ workspace: WORKSPACE, limit: 10 });
        expect(left.map(({ workflow, paused }) => [workflow, paused])).toEqual([["w", true]]);
        await store.enableWorkflow(WORKSPACE, "v", true);
        expect((await store.schedules.unsynced(10)).triggers.map(({ workflow }) => workflow)).toEqual(["v"]);
      },
    );

    rule("move by compare-and-set: of several, one", async ({ store, second }) => {
      await store.saveWorkflow(WORKSPACE, document("w", HOURLY), "c1");
      await synced(store, { dueAt: 1, fireAt: 1 });
      const record = await found(store);
      const moves = Array.from({ length: 8 }, (_, index) =>
        (index % 2 ? store : second).schedules.advance(PLACE, 0, changeOf(record, { dueAt: 10 + index })),
      );
      expect((await Promise.all(moves)).filter(Boolean)).toHaveLength(1);
      const moved = await found(store);
      expect(moved.rev).toBe(1);
      expect(moved.dueAt).toBeGreaterThanOrEqual(10);
      const elsewhere = { ...PLACE, workspace: "elsewhere" };
      expect(await store.schedules.advance(elsewhere, 1, changeOf(moved, {}))).toBe(false);
    });

    rule("are listed by workspace, page by page in the order of code points", async ({ store }) => {
      for (const name of ["b", "a", "Z"]) await store.saveWorkflow(WORKSPACE, document(name, HOURLY), "c");
      await store.saveWorkflow("elsewhere", document("a", HOURLY), "c");
      await synced(store, { dueAt: 1, fireAt: 1 });
      const names = async (page: { after?: { workflow: string; node: string }; limit: number }) =>
        (await store.schedules.list({ workspace: WORKSPACE, ...page })).map(({ workflow }) => workflow);
      expect(await names({ limit: 2 })).toEqual(["Z", "a"]);
      expect(await names({ limit: 2, after: { workflow: "a", node: "tick" } })).toEqual(["b"]);
    });
  });
}
