/** Old and new processes at once, as in every deploy: each takes only what it can run, and the newest version stays the newest. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Action, defineAction, defineWorkflow, type Engine, type Workflow } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";

const act = (name: string, where: string): Action => defineAction({ name, run: () => where }) as Action;

function flow(...actions: readonly string[]): Workflow {
  const ids = actions.map((action) => action.replace(/^flow\./, ""));
  return defineWorkflow({
    format: 1,
    name: "flow",
    nodes: Object.fromEntries(actions.map((action, at) => [ids[at]!, { kind: "action", action }])),
    edges: ids.slice(1).map((to, at) => ({ from: ids[at]!, to })),
    output: Object.fromEntries(ids.map((id) => [id, `{{ nodes.${id}.output }}`])),
  } as never) as Workflow;
}

const BEFORE = flow("flow.first");
const AFTER = flow("flow.first", "flow.added");
/** Few: a task that an old process has given back waits for some seconds, and may come to it again. */
const RUNS = 4;

onEachBackend("a rolling deploy", (name) => {
  let backend: Backend;
  beforeEach(async () => {
    backend = await openBackend(name);
  });
  afterEach(() => backend[Symbol.asyncDispose]());

  const old = async (): Promise<Engine> => {
    const engine = backend.engine({
      actions: [act("flow.first", "old")],
      workflows: [BEFORE],
      worker: { inline: false },
    });
    await engine.start();
    return engine;
  };

  test("runs of both versions end, an added action runs where it is known, and an old process that starts late changes nothing", async () => {
    const first = await old();
    const before = await first.runs.startMany(
      BEFORE,
      Array.from({ length: RUNS }, () => ({ input: null })),
    );
    const next = backend.engine({
      actions: [act("flow.first", "new"), act("flow.added", "new")],
      workflows: [AFTER],
      worker: { inline: false },
    });
    await next.start();
    const late = await old();
    const api = backend.engine();
    await api.start({ work: false });
    const after = await Promise.all(Array.from({ length: RUNS }, () => api.runs.start("flow")));
    // Who has the old definition in its code goes on with it.
    const together = [...before, await late.runs.start(BEFORE, { input: null })];

    for (const run of together) {
      const { first: where } = (await run.result({ timeout: "50s" })) as { first: string };
      expect(["old", "new"]).toContain(where);
      expect((await api.runs.get(run.id))?.header.version).toBe(1);
    }
    for (const run of after) {
      expect(await run.result({ timeout: "50s" })).toMatchObject({ added: "new" });
      expect((await api.runs.get(run.id))?.header.version).toBe(2);
    }
    expect((await api.workflows.get("flow"))?.version).toBe(2);
    expect((await api.deadLetters.list({ state: "all" })).items).toEqual([]);
  });
});
