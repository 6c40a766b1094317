/** An action with a lane runs on workers of that lane, and nowhere else. */
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
});
