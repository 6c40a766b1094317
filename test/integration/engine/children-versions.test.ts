/** Child workflows and other versions: of the run that waits, and of the child. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Json, PermanentError, type RunHandle, type WorkflowDocument } from "../../../src/index.ts";
import type { Engine } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

type Nodes = WorkflowDocument["nodes"];

onEachBackend("child workflows and versions", (name) => {
  let backend: Backend;
  let engine: Engine;
  /** Inputs of `pack`, in order, and whether it fails. */
  let packed: unknown[];
  let isBroken: boolean;

  const pack = action("pack", ({ input }) => {
    packed.push(input);
    if (isBroken) throw new PermanentError("no boxes");
    return input;
  });
  const echo = action("echo", ({ input }) => input);

  beforeEach(async () => {
    backend = await openBackend(name);
    [packed, isBroken] = [[], true];
    engine = backend.engine({ actions: [pack, echo] });
    await engine.start();
    await register("parcel", { pack: act("pack", "{{ input }}") }, "{{ nodes.pack.output }}");
  });
  afterEach(() => backend[Symbol.asyncDispose]());

  const act = (what: string, input: unknown): Nodes[string] =>
    ({ kind: "action", action: what, input }) as Nodes[string];
  const ships = (input: unknown): Nodes[string] => act("workflow.run", { workflow: "parcel", input });
  const register = (workflow: string, nodes: Nodes, output: Json) =>
    engine.workflows.register({ format: 1, name: workflow, nodes, edges: [], output });
  const result = (run: RunHandle): Promise<unknown> => run.result({ timeout: "20s" });

  async function failed(): Promise<{ run: RunHandle; child: RunHandle; letter: string; own: string }> {
    const run = await engine.runs.start("order", { input: 7 });
    await expect(result(run)).rejects.toMatchObject({ code: "run_failed" });
    const child = engine.runs.handle((await engine.runs.list({ parent: run.id })).items[0]!.id);
    const letterOf = async ({ id }: RunHandle, node: string): Promise<string> =>
      (await engine.deadLetters.list({ runId: id })).items.find((letter) => letter.node === node)!.id;
    return { run, child, letter: await letterOf(run, "ship"), own: await letterOf(child, "pack") };
  }
  const childrenOf = async ({ id }: RunHandle): Promise<number> =>
    (await engine.runs.list({ parent: id })).items.length;

  test("the node is the same in the other version: its child goes on", async () => {
    await register("order", { ship: ships("{{ input }}") }, "{{ nodes.ship.output }}");
    const { run, letter } = await failed();
    await register("order", { first: act("echo", 1), ship: ships("{{ input }}") }, [
      "{{ nodes.first.output }}",
      "{{ nodes.ship.output }}",
    ]);
    isBroken = false;
    await engine.deadLetters.redrive(letter, { version: "latest" });
    expect(await result(run)).toEqual([1, 7]);
    expect(packed).toEqual([7, 7]);
    expect(await childrenOf(run)).toBe(1);
  });

  test("the other version starts it with another input: that is another child", async () => {
    await register("order", { ship: ships("{{ input }}") }, "{{ nodes.ship.output }}");
    const { run, letter } = await failed();
    await register("order", { ship: ships("{{ input + 1 }}") }, "{{ nodes.ship.output }}");
    isBroken = false;
    await engine.deadLetters.redrive(letter, { version: "latest" });
    expect(await result(run)).toBe(8);
    expect(packed).toEqual([7, 8]);
    expect(await childrenOf(run)).toBe(2);
  });

  test("a child that goes on with another version tells the run above how it ended", async () => {
    await register("order", { ship: ships("{{ input }}") }, "{{ nodes.ship.output }}");
    const { run, own } = await failed();
    await register("parcel", { pack: act("echo", "{{ input * 10 }}") }, "{{ nodes.pack.output }}");
    await engine.deadLetters.redrive(own, { version: "latest" });
    await expect.poll(() => run.status(), { timeout: 20_000 }).toBe("succeeded");
    expect(await result(run)).toBe(70);
    expect(packed).toEqual([7]);
  });

  test("the end of a child finds its node by name, wherever the other version has it", async () => {
    await register("order", { a: act("pack", 0), ship: ships("{{ input }}") }, [
      "{{ nodes.a.output }}",
      "{{ nodes.ship.output }}",
    ]);
    const { run, own } = await failed();
    const other = (await engine.deadLetters.list({ runId: run.id })).items.find(({ node }) => node === "a")!;
    // Here another node that runs a child has the place in the plan that `ship` had.
    await register("order", { Z: ships(1), a: act("echo", 0), ship: ships("{{ input }}") }, [
      "{{ nodes.Z.output }}",
      "{{ nodes.a.output }}",
      "{{ nodes.ship.output }}",
    ]);
    isBroken = false;
    await engine.deadLetters.redrive(other.id, { version: "latest" });
    await engine.deadLetters.redrive(own);
    await expect.poll(() => run.status(), { timeout: 20_000 }).toBe("succeeded");
    expect(await result(run)).toEqual([1, 0, 7]);
    expect(await childrenOf(run)).toBe(2);
  });

  test("a run whose child has not ended does not go on with another version", async () => {
    await engine.workflows.register({
      format: 1,
      name: "held",
      nodes: { gate: { kind: "wait", for: { signal: "go" } } } as Nodes,
      edges: [],
    });
    const nodes: Nodes = { a: act("pack", 0), hold: act("workflow.run", { workflow: "held" }) };
    await register("order", nodes, null);
    const run = await engine.runs.start("order", { input: 7 });
    const letters = async () => (await engine.deadLetters.list({ runId: run.id })).items;
    const children = async () => (await engine.runs.list({ parent: run.id })).items;
    await expect.poll(letters, { timeout: 20_000 }).toHaveLength(1);
    await expect.poll(children, { timeout: 20_000 }).toHaveLength(1);
    await register("order", { ...nodes, b: act("echo", 0) }, null);
    const refused = engine.deadLetters.redrive((await letters())[0]!.id, { version: "latest" });
    await expect(refused).rejects.toMatchObject({ code: "version_refused" });
    const [child] = await children();
    await engine.runs.handle(child!.id).signal("go");
    await expect(result(run)).rejects.toMatchObject({ code: "run_failed" });
  });
});
