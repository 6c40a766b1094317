/** Schedules that were set under a name: no version of the workflow makes or takes them, and a disabled workflow lets them sleep. */
import type { WorkflowDocument } from "../../core/definition/document.ts";
import type { NamedSchedule, NextTick, ScheduleRecord } from "../../core/ports/schedules.ts";
import type { Store } from "../../core/ports/store.ts";
import { newId, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";

const PLACE = { workspace: WORKSPACE, workflow: "w", node: "@night" };
const NIGHT: NamedSchedule = {
  ...PLACE,
  source: { type: "schedule", every: "1h" },
  starts: { trigger: "start", input: { b: [1, null, "ä"], a: {} }, labels: { customer: "7" } },
};
const NEXT: NextTick = { dueAt: 1_000, fireAt: 2_000 };
const KEPT = { paused: true, held: true, lastRun: newId(), lastDueAt: 500, lastError: "no" };

function workflow(description = "first"): WorkflowDocument {
  return { format: 1, name: "w", description, nodes: { start: { kind: "trigger" } }, edges: [] };
}

async function found(store: Store): Promise<ScheduleRecord> {
  const record = await store.schedules.get(PLACE);
  if (!record) throw new Error("There is no schedule.");
  return record;
}

async function wake(store: Store, next: NextTick): Promise<void> {
  const { triggers } = await store.schedules.unsynced(10);
  for (const trigger of triggers) await store.schedules.sync(trigger, next);
}

export function namedScheduleRules({ describe, rule, expect }: Kit): void {
  const dueNow = async (store: Store): Promise<readonly string[]> => {
    const { schedules } = await store.schedules.due(10);
    return schedules.map(({ node, version }) => `${node} ${version}`);
  };

  describe("named schedules", () => {
    rule("are made once, and changed without losing what they have done", async ({ store, second }) => {
      expect(await store.schedules.set(NIGHT, NEXT)).toBeNull();
      await store.saveWorkflow(WORKSPACE, workflow(), "c1");
      const made = await Promise.all(
        [store, second, store].map(({ schedules }) => schedules.set(NIGHT, NEXT)),
      );
      const fresh = { paused: false, held: false, lastRun: null, lastDueAt: null, lastError: null };
      const first = { ...NIGHT, ...NEXT, ...fresh, rev: 0 };
      expect(made).toEqual([first, first, first]);
      expect(await store.schedules.set(NIGHT, { dueAt: 9, fireAt: 9 })).toEqual(first);

      expect(await store.schedules.advance(PLACE, 0, { ...NEXT, ...KEPT })).toBe(true);
      const starts = { input: null };
      const changed = await store.schedules.set({ ...NIGHT, starts }, { dueAt: 9, fireAt: 9 });
      expect(changed).toEqual({ ...first, ...KEPT, starts, rev: 2 });
      const source = { type: "schedule", every: "2h" } as const;
      const moved = await store.schedules.set({ ...NIGHT, source, starts }, { dueAt: 9, fireAt: 10 });
      expect(moved).toEqual({ ...changed, source, dueAt: 9, fireAt: 10, held: false, rev: 3 });
      expect(await store.schedules.get(PLACE)).toEqual(moved);
    });

    rule("stay when versions come and go, and are due with the newest", async ({ store }) => {
      await store.saveWorkflow(WORKSPACE, workflow(), "c1");
      await store.schedules.set(NIGHT, NEXT);
      expect(await dueNow(store)).toEqual(["@night 1"]);
      await store.saveWorkflow(WORKSPACE, workflow("second"), "c2");
      expect(await store.schedules.prune()).toBe(0);
      expect((await store.schedules.unsynced(10)).triggers).toEqual([]);
      expect(await dueNow(store)).toEqual(["@night 2"]);
      expect((await store.schedules.due(10)).schedules).toEqual([{ ...(await found(store)), version: 2 }]);
    });

    rule("sleep while their workflow is disabled, and wake with a tick to come", async ({ store }) => {
      await store.saveWorkflow(WORKSPACE, workflow(), "c1");
      await store.schedules.set(NIGHT, NEXT);
      await store.enableWorkflow(WORKSPACE, "w", false);
      expect(await dueNow(store)).toEqual([]);
      expect(await store.schedules.prune()).toBe(0);
      expect(await found(store)).toMatchObject({ dueAt: 1_000, fireAt: null, rev: 1 });
      await wake(store, { dueAt: 7, fireAt: 7 });
      await store.schedules.sync({ ...PLACE, source: NIGHT.source }, { dueAt: 7, fireAt: 7 });
      expect(await found(store)).toMatchObject({ dueAt: 1_000, fireAt: null, rev: 1 });

      await store.enableWorkflow(WORKSPACE, "w", true);
      expect(await dueNow(store)).toEqual([]);
      await store.schedules.sync({ ...PLACE, source: { type: "schedule", every: "9h" } }, NEXT);
      expect(await found(store)).toMatchObject({ fireAt: null });
      expect((await store.schedules.unsynced(10)).triggers).toEqual([{ ...PLACE, source: NIGHT.source }]);
      await wake(store, { dueAt: 8, fireAt: 9 });
      expect(await found(store)).toMatchObject({ dueAt: 8, fireAt: 9, rev: 2 });
      expect((await store.schedules.unsynced(10)).triggers).toEqual([]);
      // One that is over does not wake.
      await store.schedules.advance(PLACE, 2, { ...(await found(store)), dueAt: null, fireAt: null });
      expect((await store.schedules.unsynced(10)).triggers).toEqual([]);
    });

    rule("that are paused do not sleep", async ({ store }) => {
      await store.saveWorkflow(WORKSPACE, workflow(), "c1");
      const made = await store.schedules.set(NIGHT, NEXT);
      await store.schedules.advance(PLACE, 0, { ...made!, paused: true });
      await store.enableWorkflow(WORKSPACE, "w", false);
      await store.schedules.prune();
      expect(await found(store)).toMatchObject({ ...NEXT, paused: true, rev: 1 });
    });

    rule("are deleted once, and those of triggers are not", async ({ store }) => {
      const tick = { kind: "trigger", source: NIGHT.source } as const;
      await store.saveWorkflow(WORKSPACE, { ...workflow(), nodes: { tick } }, "c1");
      await wake(store, NEXT);
      await store.schedules.set(NIGHT, NEXT);
      expect(await store.schedules.delete({ ...PLACE, workspace: "elsewhere" })).toBe(false);
      expect(await store.schedules.delete({ ...PLACE, node: "tick" })).toBe(false);
      const listed = await store.schedules.list({ workspace: WORKSPACE, workflow: "w", limit: 10 });
      expect(listed.map(({ node, starts }) => [node, starts])).toEqual([
        ["@night", NIGHT.starts],
        ["tick", null],
      ]);
      expect(await store.schedules.list({ workspace: WORKSPACE, workflow: "v", limit: 10 })).toEqual([]);
      expect(await store.schedules.delete(PLACE)).toBe(true);
      expect(await store.schedules.delete(PLACE)).toBe(false);
      expect(await store.schedules.get(PLACE)).toBeNull();
    });
  });
}
