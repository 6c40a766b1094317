/** Triggers of the newest versions: what is found by path, by event name, and as a list of schedules. */
import type { TriggerSource, WorkflowDocument } from "../../core/definition/document.ts";
import type { TriggerQuery } from "../../core/ports/triggers.ts";
import type { Store } from "../../core/ports/store.ts";
import { WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";

function document(name: string, sources: Record<string, TriggerSource>): WorkflowDocument {
  const triggers = Object.entries(sources).map(([id, source]) => [id, { kind: "trigger", source }] as const);
  return {
    format: 1,
    name,
    nodes: { ...Object.fromEntries(triggers), a: { kind: "action", action: "x" } },
    edges: triggers.map(([from]) => ({ from, to: "a" })),
  };
}

const placed = (name: string): TriggerSource => ({ type: "event", name });

async function nodes(store: Store, query: Omit<TriggerQuery, "limit">): Promise<readonly string[]> {
  const found = await store.triggers.find({ ...query, limit: 100 });
  return found.map(({ workspace, workflow, node }) => `${workspace}/${workflow}/${node}`);
}

export function triggerRules({ describe, rule, expect }: Kit): void {
  describe("triggers", () => {
    rule("are those of the newest version, with their sources as they were written", async ({ store }) => {
      const hook = { type: "webhook", path: "orders", signature: { scheme: "none" } } as const;
      const first = document("w", { hook, event: placed("order.placed"), by_hand: { type: "manual" } });
      await store.saveWorkflow(WORKSPACE, first, "c1");
      const found = { workspace: WORKSPACE, workflow: "w", version: 1, node: "hook", source: hook };
      expect(await store.triggers.find({ type: "webhook", limit: 10 })).toEqual([found]);
      expect(await nodes(store, { type: "event" })).toEqual([`${WORKSPACE}/w/event`]);
      expect(await nodes(store, { type: "schedule" })).toEqual([]);

      const night = { type: "schedule", cron: "0 3 * * *" } as const;
      await store.saveWorkflow(WORKSPACE, document("w", { night }), "c2");
      expect(await nodes(store, { type: "webhook" })).toEqual([]);
      expect(await nodes(store, { type: "event" })).toEqual([]);
      expect(await store.triggers.find({ type: "schedule", limit: 10 })).toEqual([
        { workspace: WORKSPACE, workflow: "w", version: 2, node: "night", source: night },
      ]);
      // A known version does not become the newest again, and neither do its triggers.
      await store.saveWorkflow(WORKSPACE, first, "c1");
      expect(await nodes(store, { type: "webhook" })).toEqual([]);
    });

    rule(
      "of a disabled workflow are not found, whatever version is the newest",
      async ({ store, second }) => {
        const event = (description: string): WorkflowDocument => ({
          ...document("w", { n: placed("e") }),
          description,
        });
        expect(await store.enableWorkflow(WORKSPACE, "w", false)).toBe(false);
        await store.saveWorkflow(WORKSPACE, event("one"), "c1");
        await store.saveWorkflow("elsewhere", event("one"), "c1");
        expect(await store.enableWorkflow(WORKSPACE, "w", false)).toBe(true);
        expect(await store.enableWorkflow(WORKSPACE, "none", false)).toBe(false);
        expect(await nodes(second, { type: "event" })).toEqual(["elsewhere/w/n"]);
        await second.saveWorkflow(WORKSPACE, event("two"), "c2");
        expect(await nodes(store, { type: "event" })).toEqual(["elsewhere/w/n"]);
        expect(await store.workflows(WORKSPACE)).toMatchObject([{ name: "w", version: 2, enabled: false }]);
        expect(await store.workflows("elsewhere")).toMatchObject([{ enabled: true }]);
        expect(await store.enableWorkflow(WORKSPACE, "w", true)).toBe(true);
        expect(await nodes(store, { type: "event" })).toEqual([`${WORKSPACE}/w/n`, "elsewhere/w/n"]);
        expect(await store.workflows(WORKSPACE)).toMatchObject([{ enabled: true }]);
      },
    );

    rule("are found by workspace and name, page by page in the order of code points", async ({ store }) => {
      for (const name of ["b", "a", "Z"])
        await store.saveWorkflow(WORKSPACE, document(name, { n: placed("e"), m: placed("other") }), "c");
      await store.saveWorkflow("elsewhere", document("a", { n: placed("e") }), "c");
      const mine = ["Z", "a", "b"].map((name) => `${WORKSPACE}/${name}/n`);
      expect(await nodes(store, { type: "event", workspace: WORKSPACE, name: "e" })).toEqual(mine);
      expect(await nodes(store, { type: "event", workspace: "elsewhere" })).toEqual(["elsewhere/a/n"]);
      expect(await nodes(store, { type: "event", workspace: "nobody", name: "e" })).toEqual([]);
      expect(await nodes(store, { type: "webhook", name: "e" })).toEqual([]);

      const whole = await store.triggers.find({ type: "event", limit: 100 });
      expect(whole).toHaveLength(7);
      const paged = [];
      for (let page = await store.triggers.find({ type: "event", limit: 2 }); page.length > 0;) {
        paged.push(...page);
        page = await store.triggers.find({ type: "event", limit: 2, after: page.at(-1)! });
      }
      expect(paged).toEqual(whole);
    });
  });
}
