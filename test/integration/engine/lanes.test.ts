/** An action with a lane runs on workers of that lane, and nowhere else. */
import { z } from "zod";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Action, defineAction, defineWorkflow, type Workflow } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";

/** Says which worker ran it. */
const heavy = (where: string): Action =>
  defineAction({ name: "heavy", lane: "heavy", run: () => where }) as Action;

const written = defineWorkflow({
  format: 1,
  name: "written",
  nodes: {
    own: { kind: "action", action: "heavy" },
    other: { kind: "action", action: "heavy", lane: "default" },
  },
  edges: [],
  output: { own: "{{ nodes.own.output }}", other: "{{ nodes.other.output }}" },
} as never);

const built: Workflow = defineWorkflow({
  name: "built",
  build({ action }) {
    const own = action("own", heavy("nobody"));
    const other = action("other", heavy("nobody"), undefined, { lane: "default" });
    return { own: own.output, other: other.output };
  },
}) as Workflow;

/** `plain` has no lane of its own. */
const plain = (where: string): Action => defineAction({ name: "plain", run: () => where }) as Action;

const urgent = {
  format: 1,
  name: "urgent",
  lane: "urgent",
  nodes: {
    bare: { kind: "action", action: "plain" },
    each: { kind: "action", action: "plain", forEach: "[1, 2]" },
    acts: { kind: "action", action: "heavy" },
    named: { kind: "action", action: "heavy", lane: "default" },
  },
  edges: [{ from: "bare", to: "each" }],
  output: {
    bare: "{{ nodes.bare.output }}",
    each: "{{ nodes.each.output }}",
    acts: "{{ nodes.acts.output }}",
    named: "{{ nodes.named.output }}",
  },
};

const urgentBuilt = defineWorkflow({
  name: "urgent-built",
  lane: "urgent",
  input: z.object({ list: z.array(z.number()).default([1, 2]) }),
  build({ action, input }) {
    const bare = action("bare", "plain");
    const each = action("each", "plain", (item) => ({ item }), { forEach: input.list, after: bare });
    const acts = action("acts", heavy("nobody"));
    const named = action("named", "heavy", undefined, { lane: "default" });
    return { bare: bare.output, each: each.output, acts: acts.output, named: named.output };
  },
});

onEachBackend("lanes", (name) => {
  let backend: Backend;
  beforeEach(async () => {
    backend = await openBackend(name);
  });
  afterEach(() => backend[Symbol.asyncDispose]());

  test.each([
    ["a document", written],
    ["the builder", built],
  ])("of an action are those of its nodes that name none: %s", async (_, workflow) => {
    const ordinary = backend.engine({ actions: [heavy("ordinary")] });
    const strong = backend.engine({ actions: [heavy("strong")], worker: { lanes: ["heavy"] } });
    await ordinary.start();
    await strong.start();
    const runs = await ordinary.runs.startMany(
      workflow,
      Array.from({ length: 10 }, () => ({ input: {} })),
    );
    for (const run of runs)
      expect(await run.result({ timeout: "20s" })).toEqual({ own: "strong", other: "ordinary" });
    expect((await ordinary.workflows.get(workflow.name))?.document.nodes["own"]).toMatchObject({
      lane: "heavy",
    });
  });

  test.each([
    ["a document", defineWorkflow(urgent as never)],
    ["the builder", urgentBuilt as Workflow],
  ])("of a workflow are those of its nodes that name none and whose action has none: %s", async (_, flow) => {
    const actions = (where: string): Action[] => [plain(where), heavy(where)];
    const ordinary = backend.engine({ actions: actions("ordinary") });
    await ordinary.start();
    for (const lane of ["urgent", "heavy"])
      await backend.engine({ actions: actions(lane), worker: { lanes: [lane] } }).start();
    const runs = await ordinary.runs.startMany(
      flow,
      Array.from({ length: 10 }, () => ({ input: {} })),
    );
    for (const run of runs)
      expect(await run.result({ timeout: "20s" })).toEqual({
        bare: "urgent",
        each: ["urgent", "urgent"],
        acts: "heavy",
        named: "ordinary",
      });
  });

  test("an urgent lane is not behind the backlog of another one", async () => {
    let letGo = (): void => {};
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    let slow = 0;
    const actions = [
      defineAction({ name: "slow", run: () => ((slow += 1), gate) }),
      plain("here"),
    ] as Action[];
    const api = backend.engine({ actions, worker: { lanes: ["default"], concurrency: 2 } });
    await api.start();
    await backend.engine({ actions, worker: { lanes: ["urgent"] } }).start();
    const backlog = {
      format: 1,
      name: "backlog",
      nodes: { s: { kind: "action", action: "slow" } },
      edges: [],
    };
    const behind = await api.runs.startMany(
      defineWorkflow(backlog as never),
      Array.from({ length: 200 }, () => ({ input: {} })),
    );
    const first = {
      ...urgent,
      name: "first",
      nodes: { bare: urgent.nodes.bare },
      edges: [],
      output: "{{ nodes.bare.output }}",
    };
    const run = await api.runs.start(defineWorkflow(first as never), { input: {} });
    expect(await run.result({ timeout: "20s" })).toBe("here");
    // Of the 200 that were there before it, as many have begun as there is room for.
    expect(slow).toBeLessThanOrEqual(2);
    letGo();
    await behind.at(-1)!.result({ timeout: "20s" });
  });
});
