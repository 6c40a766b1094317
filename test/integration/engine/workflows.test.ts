/** `engine.workflows`: what is stored, and whether its triggers start runs. */
import { expect, test } from "vitest";
import { defineWorkflow } from "../../../src/index.ts";
import { onEachBackend, openBackend } from "./backends.ts";

const greeting = defineWorkflow({
  format: 1,
  name: "greeting",
  nodes: { pause: { kind: "wait", for: { duration: "1ms" } } },
  edges: [],
  output: "{{ input.name }}",
});

onEachBackend("workflows", (name) => {
  test("those that are disabled are listed as such in their workspace only, and started by hand all the same", async () => {
    await using backend = await openBackend(name);
    const engine = backend.engine({ workflows: [greeting] });
    await engine.start();
    await engine.workflows.register(greeting, { workspace: "other" });
    const enabled = async (workspace = "default") =>
      (await engine.workflows.list({ workspace })).map((workflow) => workflow.enabled);
    expect(await enabled()).toEqual([true]);
    await engine.workflows.disable("greeting");
    await engine.workflows.disable("greeting");
    expect(await enabled()).toEqual([false]);
    expect(await enabled("other")).toEqual([true]);
    const run = await engine.runs.start(greeting, { input: { name: "Ada" } });
    expect(await run.result()).toBe("Ada");
    await engine.workflows.enable("greeting");
    expect(await enabled()).toEqual([true]);
  });

  test("a document that pretends to be checked is not believed", async () => {
    await using backend = await openBackend(name);
    const engine = backend.engine();
    await engine.start();
    const nodes = { a: { kind: "action", action: "no name" } };
    const pretended = {
      kind: "flowforge.workflow",
      name: "w",
      document: { format: 1, name: "w", nodes, edges: [] },
    };
    await expect(engine.workflows.register(pretended as never)).rejects.toMatchObject({
      code: "definition_invalid",
    });
    await expect(engine.workflows.register({ kind: "flowforge.workflow" } as never)).rejects.toMatchObject({
      code: "definition_invalid",
    });
    expect(await engine.workflows.list()).toEqual([]);
  });

  test("a workflow that is not there is an error with a suggestion", async () => {
    await using backend = await openBackend(name);
    const engine = backend.engine({ workflows: [greeting] });
    await engine.start();
    await expect(engine.workflows.disable("greting")).rejects.toMatchObject({
      code: "workflow_not_found",
      next: expect.stringContaining('Did you mean "greeting"?') as string,
    });
    await expect(engine.workflows.enable("greeting", { workspace: "other" })).rejects.toMatchObject({
      code: "workflow_not_found",
    });
    await expect(engine.workflows.disable("greeting", { workspce: "x" } as object)).rejects.toMatchObject({
      code: "option_invalid",
    });
  });
});
