/** Redrives with another version of the workflow: what is kept, what runs, and what is refused. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type DeadLetter,
  type Engine,
  PermanentError,
  type RunHandle,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";
import { act, fetched, first, line, type Nodes, paid, pays, refusals } from "./versions.ts";

onEachBackend("versions", (name) => {
  let backend: Backend;
  let engine: Engine;
  const calls: { node: string; run: string; key: string; input: unknown }[] = [];
  let broken = true;
  const note = (context: {
    node: { id: string };
    run: { id: string };
    idempotencyKey: string;
    input: unknown;
  }) =>
    calls.push({
      node: context.node.id,
      run: context.run.id,
      key: context.idempotencyKey,
      input: context.input,
    });
  const echo = action("echo", (context) => {
    note(context);
    return context.input;
  });
  const pay = action("pay", (context) => {
    note(context);
    if (broken) throw new PermanentError("no account");
    return "paid";
  });
  const payAnew = action("pay2", (context) => {
    note(context);
    return "paid anew";
  });
  const all = [echo, pay, payAnew];

  beforeAll(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ actions: all });
    await engine.start();
  });
  afterAll(() => backend[Symbol.asyncDispose]());

  const document = (
    workflow: string,
    { nodes, edges, ...rest }: Pick<WorkflowDocument, "nodes" | "edges" | "output" | "input">,
  ): WorkflowDocument => ({ format: 1, name: workflow, nodes, edges, ...rest });

  /** A run of version 1 that came to rest with dead letters. */
  async function failed(
    workflow: string,
    version: Pick<WorkflowDocument, "nodes" | "edges" | "output"> = first,
  ): Promise<{ run: RunHandle; letters: readonly DeadLetter[]; letter: DeadLetter }> {
    await engine.workflows.register(document(workflow, version));
    broken = true;
    const run = await engine.runs.start(workflow, { input: { order: 7 } });
    await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
    const { items } = await engine.deadLetters.list({ runId: run.id });
    return { run, letters: items, letter: items[0]! };
  }
  const register = (
    workflow: string,
    version: Pick<WorkflowDocument, "nodes" | "edges" | "output" | "input">,
  ) => engine.workflows.register(document(workflow, version));
  const callsOf = (run: RunHandle) => calls.filter((call) => call.run === run.id);
  const headerOf = async (run: RunHandle) => (await run.detail()).header;

  describe("a run that goes on with a changed version", () => {
    test("keeps what has ended, runs the rest as the new version says, and the difference tells so", async () => {
      const { run, letter } = await failed("fix");
      await register("fix", {
        nodes: {
          fetch: { ...fetched, description: "the same" } as Nodes[string],
          pay: act("pay2", { order: "{{ nodes.fetch.output.order }}", by: "card" }),
          notify: act("echo", { of: "{{ nodes.fetch.output }}" }),
          end: act("echo", { of: "{{ nodes.pay.output }}" }),
        },
        edges: [...line("fetch", "pay", "end"), { from: "fetch", to: "notify" }],
        output: "{{ nodes.end.output.of }}",
      });
      const preview = await engine.deadLetters.preview(letter.id, { version: "latest" });
      expect(preview).toMatchObject({
        runId: run.id,
        workflow: "fix",
        from: 1,
        to: 2,
        refusals: [],
        nodes: [
          { node: "fetch", fate: "reused", changed: [] },
          { node: "notify", fate: "added", changed: [] },
          { node: "pay", fate: "failed", changed: ["action", "input"] },
          { node: "end", fate: "added", changed: [] },
          { node: "$output", fate: "open", changed: ["output"] },
          { node: "ship", fate: "removed", changed: [] },
        ],
      });
      expect(preview.text.split("\n")).toEqual([
        `run ${run.id} of "fix": from version 1 to version 2`,
        "= fetch    its result is kept",
        "+ notify   new",
        "! pay      failed; differs in action, input",
        "+ end      new",
        "~ $output  not begun; differs in output",
        "- ship     removed",
      ]);
      expect(await headerOf(run)).toMatchObject({ version: 1, status: "failed" });

      await engine.deadLetters.redrive(letter.id, { version: "latest", by: "Ada" });
      expect(await run.result({ timeout: "20s" })).toBe("paid anew");
      expect(await headerOf(run)).toMatchObject({ version: 2, status: "succeeded", deadLetters: 0 });
      const made = callsOf(run);
      expect(made.map(({ node }) => node).sort()).toEqual(["end", "fetch", "notify", "pay", "pay"]);
      const keys = made.filter(({ node }) => node === "pay").map(({ key }) => key);
      expect(new Set(keys).size).toBe(2);
      expect(await engine.deadLetters.get(letter.id)).toMatchObject({
        resolution: "redriven",
        resolvedBy: "Ada",
        version: 2,
      });
    });

    test("keeps the idempotency key where the node is the same", async () => {
      const { run, letter } = await failed("same-node");
      await register("same-node", { ...first, output: "{{ nodes.pay.output }}" });
      broken = false;
      await engine.deadLetters.redrive(letter.id, { version: 2 });
      expect(await run.result({ timeout: "20s" })).toBe("paid");
      const keys = callsOf(run).filter(({ node }) => node === "pay");
      expect(keys).toHaveLength(2);
      expect(new Set(keys.map(({ key }) => key)).size).toBe(1);
    });

    test("gives the run's output another template, where that had failed", async () => {
      const bad = { nodes: { fetch: fetched }, edges: [], output: "{{ nodes.fetch.output.order + 'x' }}" };
      const { run, letter } = await failed("output", bad);
      expect(letter.node).toBe("$output");
      await register("output", { ...bad, output: "{{ nodes.fetch.output.order }}" });
      await engine.deadLetters.redrive(letter.id, { version: "latest" });
      expect(await run.result({ timeout: "20s" })).toBe(7);
      expect(callsOf(run)).toHaveLength(1);
    });

    test("decides anew about what was skipped, and about conditions that it has besides", async () => {
      const shape = (on: string) => ({
        nodes: {
          fetch: fetched,
          pay: paid,
          side: act("echo", { side: true }),
        },
        edges: [...line("fetch", "pay"), { from: "fetch", to: "side", on }],
      });
      const { run, letter } = await failed("skipped", shape("error"));
      const kind = { kind: "condition", cases: [{ outcome: "big", if: "nodes.fetch.output.order > 5" }] };
      await register("skipped", {
        nodes: { ...shape("success").nodes, size: kind as Nodes[string], big: act("echo", { big: true }) },
        edges: [
          ...shape("success").edges,
          { from: "fetch", to: "size" },
          { from: "size", to: "big", on: "big" },
        ],
      });
      broken = false;
      await engine.deadLetters.redrive(letter.id, { version: "latest" });
      await run.result({ timeout: "20s" });
      expect(new Set(callsOf(run).map(({ node }) => node))).toEqual(new Set(["fetch", "pay", "side", "big"]));
    });

    test("takes signals and events that the new version waits for", async () => {
      const { run, letter } = await failed("waiting");
      await register("waiting", {
        nodes: {
          ...first.nodes,
          ship: act("echo", { by: "{{ nodes.truck.output.by }}" }),
          truck: { kind: "wait", for: { event: "truck" } },
        },
        edges: line("fetch", "pay", "truck", "ship"),
        output: "{{ nodes.ship.output.by }}",
      }).catch((error: unknown) => expect(error).toBeUndefined());
      broken = false;
      // pay -> ship was never taken, so it may be gone.
      await engine.deadLetters.redrive(letter.id, { version: "latest" });
      await expect.poll(() => run.status(), { timeout: 20_000 }).toBe("waiting");
      expect(await engine.publish("truck", { by: "Bob" })).toMatchObject({ runs: 1 });
      expect(await run.result({ timeout: "20s" })).toBe("Bob");
    });

    test("goes on with it for all of its dead letters, one after the other or together", async () => {
      const two = {
        nodes: { fetch: fetched, pay: paid, also: paid },
        edges: [...line("fetch", "pay"), { from: "fetch", to: "also" }],
      };
      const { run, letters } = await failed("two", two);
      expect(letters).toHaveLength(2);
      await register("two", {
        ...two,
        nodes: { fetch: fetched, pay: act("pay2"), also: act("pay2") },
        output: "{{ [nodes.pay.output, nodes.also.output] }}",
      });
      const done = await engine.deadLetters.redrive({ runId: run.id }, { version: "latest" });
      expect(done).toMatchObject({ done: 2, refused: 0 });
      expect(await run.result({ timeout: "20s" })).toEqual(["paid anew", "paid anew"]);
      expect((await headerOf(run)).version).toBe(2);
    });

    test("of other processes, those that know the run by its old version follow", async () => {
      const { run, letter } = await failed("elsewhere");
      await register("elsewhere", { ...first, nodes: { ...first.nodes, pay: act("pay2") } });
      const other = backend.engine({ actions: all });
      await other.start();
      // Both have looked at the run, and one of them moves it.
      await Promise.all([engine, other].map((each) => each.deadLetters.preview(letter.id, { version: 1 })));
      await other.deadLetters.redrive(letter.id, { version: 2 });
      await run.result({ timeout: "20s" });
      await expect(engine.deadLetters.redrive(letter.id, { version: 2 })).rejects.toMatchObject({
        code: "dead_letter_resolved",
      });
      await other.stop();
    });

    test("waits for a worker that knows its action", async () => {
      const { run, letter } = await failed("given-back");
      const unknown = act("pay3", { order: "{{ nodes.fetch.output.order }}" });
      await register("given-back", {
        ...first,
        nodes: { ...first.nodes, pay: unknown },
        output: "{{ nodes.pay.output }}",
      });
      await engine.deadLetters.redrive(letter.id, { version: "latest" });
      expect(await headerOf(run)).toMatchObject({ version: 2, deadLetters: 0 });
      const knowing = backend.engine({ actions: [...all, action("pay3", () => "by the third way")] });
      await knowing.start();
      expect(await run.result({ timeout: "60s" })).toBe("by the third way");
      await knowing.stop();
    }, 90_000);
  });

  describe("is refused, and nothing changes,", () => {
    test.each(refusals)("%s", async (title, version, codes) => {
      const workflow = title.replaceAll(/[^a-z]/g, "-");
      const { run, letter } = await failed(workflow);
      await register(workflow, version);
      const before = await run.detail();
      const preview = await engine.deadLetters.preview(letter.id, { version: 2 });
      expect(preview.refusals.map(({ code }) => code).sort()).toEqual(codes);
      for (const { code, message } of preview.refusals)
        expect(preview.text).toContain(`refused, ${code}: ${message}`);
      await expect(engine.deadLetters.redrive(letter.id, { version: 2 })).rejects.toMatchObject({
        code: "version_refused",
        received: expect.stringContaining(codes[0]!) as string,
      });
      expect(await run.detail()).toEqual(before);
      expect(await engine.deadLetters.get(letter.id)).toEqual(letter);
    });

    test("where a node still waits", async () => {
      const shape = (pay: Nodes[string]) => ({
        nodes: { fetch: fetched, pay, go: { kind: "wait", for: { signal: "go" } } as Nodes[string] },
        edges: [...line("fetch", "pay"), { from: "fetch", to: "go" }],
      });
      await register("active", shape(paid));
      broken = true;
      const run = await engine.runs.start("active", { input: { order: 7 } });
      const open = () => engine.deadLetters.list({ runId: run.id });
      await expect.poll(async () => (await open()).items.length, { timeout: 20_000 }).toBe(1);
      const [letter] = (await open()).items;
      await register("active", shape(pays));
      await expect(engine.deadLetters.redrive(letter!.id, { version: 2 })).rejects.toMatchObject({
        code: "version_refused",
        received: 'node_active: Node "go" is waiting; let it come to its end first.',
      });
      await run.signal("go");
      await expect.poll(() => run.status(), { timeout: 20_000 }).toBe("failed");
      await engine.deadLetters.redrive(letter!.id, { version: 2 });
      await run.result({ timeout: "20s" });
    });

    test("where items of a map are dead letters", async () => {
      const map = (name: string): Nodes[string] => ({
        kind: "action",
        action: name,
        forEach: "[1, 2]",
        input: "{{ item }}",
      });
      const { letters } = await failed("items", { nodes: { pay: map("pay") }, edges: [] });
      await register("items", { nodes: { pay: map("pay2") }, edges: [] });
      expect(letters).toHaveLength(2);
      const result = await engine.deadLetters.redrive({ workflow: "items" }, { version: 2 });
      expect(result).toMatchObject({ done: 0, refused: 2, reasons: { version_refused: 2 } });
      expect(result.examples[0]!.message).toContain("items_open");
    });

    test("of a cancelled run; and where there is no such version", async () => {
      const { run, letter } = await failed("cancelled");
      await register("cancelled", { nodes: { ...first.nodes, pay: pays }, edges: first.edges });
      await expect(engine.deadLetters.redrive(letter.id, { version: 3 })).rejects.toMatchObject({
        code: "workflow_not_found",
      });
      await run.cancel();
      await expect(engine.deadLetters.redrive(letter.id, { version: 2 })).rejects.toMatchObject({
        code: "version_refused",
        received: "run_cancelled: The run was cancelled.",
      });
      expect((await headerOf(run)).version).toBe(1);
    });

    test("where the outcome is unknown and the version makes another key of it, but for force", async () => {
      const { letter } = await failed("unknown");
      await register("unknown", { nodes: { ...first.nodes, pay: pays }, edges: first.edges });
      await backend.database.query(
        `update flowforge.dead_letters set error = '{"class":"outcome_unknown","message":"?"}', error_class = 'outcome_unknown'
         where run_id = $1`,
        [letter.runId],
      );
      await expect(engine.deadLetters.redrive(letter.id, { version: 2 })).rejects.toMatchObject({
        code: "redrive_unsafe",
      });
      await engine.deadLetters.redrive(letter.id, { version: 2, force: true });
    });

    test.each([{ version: 0 }, { version: "newest" }, { version: 1.5 }])(
      "%o is no version",
      async (options) => {
        for (const call of [
          () => engine.deadLetters.redrive("1", options as never),
          () => engine.deadLetters.preview("1", options as never),
        ])
          await expect(call()).rejects.toMatchObject({ code: "option_invalid" });
      },
    );
  });

  test("a thousand of one fingerprint go on with a new version", async () => {
    const version = (pay: Nodes[string]) => ({ ...first, nodes: { ...first.nodes, pay } });
    await engine.workflows.register(document("bulk", version(paid)), { workspace: "bulk" });
    broken = true;
    const runs = await engine.runs.startMany(
      "bulk",
      Array.from({ length: 1_000 }, () => ({ input: { order: 7 }, workspace: "bulk" })),
    );
    await Promise.all(runs.map((run) => run.result({ timeout: "60s" }).catch(() => undefined)));
    await engine.workflows.register(document("bulk", version(act("pay2"))), { workspace: "bulk" });
    const [group] = await engine.deadLetters.groups({ workspace: "bulk" });
    expect(group).toMatchObject({ count: 1_000, node: "pay" });
    const began = performance.now();
    const filter = { workspace: "bulk", fingerprint: group!.fingerprint };
    const result = await engine.deadLetters.redrive(filter, { version: "latest" });
    const redriven = performance.now() - began;
    expect(result).toEqual({ done: 1_000, refused: 0, reasons: {}, examples: [] });
    await Promise.all(runs.map((run) => run.result({ timeout: "60s" })));
    const ended = performance.now() - began;
    console.info(
      `${name}: 1,000 dead letters redriven with a new version in ${Math.round(redriven)} ms, all runs done after ${Math.round(ended)} ms`,
    );
    const { items } = await engine.runs.list({ workspace: "bulk", limit: 1_000 });
    expect(items.every(({ version: now, status }) => now === 2 && status === "succeeded")).toBe(true);
  }, 180_000);
});
