/** Many runs at once by a filter, and runs that are run once more. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defineWorkflow, type Engine, PermanentError, type WorkflowDocument } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action, add, chain } from "./documents.ts";

const approval: WorkflowDocument = {
  format: 1,
  name: "approval",
  nodes: { w: { kind: "wait", for: { signal: "approved" } } },
  edges: [],
};

onEachBackend("many runs", (name) => {
  let backend: Backend;
  let engine: Engine;
  let broken = false;
  const keys: string[] = [];
  const send = action("send", ({ idempotencyKey }) => {
    keys.push(idempotencyKey);
    if (broken) throw new PermanentError("not now");
    return "sent";
  });

  beforeAll(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ actions: [add(), send], workflows: [defineWorkflow(approval)] });
    await engine.start();
  });
  afterAll(() => backend[Symbol.asyncDispose]());

  const statuses = async (filter: object): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (const { status } of (await engine.runs.list({ limit: 1_000, ...filter })).items)
      counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  };

  test("are paused, resumed and cancelled by labels, over several pages; others are left alone", async () => {
    const workspace = "many";
    const starts = Array.from({ length: 620 }, (_, n) => ({
      workspace,
      labels: { team: n < 600 ? "a" : "b" },
    }));
    await engine.runs.startMany("approval", starts);
    const team = { workspace, labels: { team: "a" } };
    const others = { workspace, labels: { team: "b" } };
    const all = { done: 600, refused: 0, reasons: {}, examples: [] };
    expect(await engine.runs.pause(team)).toEqual(all);
    expect([await statuses(team), await statuses(others)]).toEqual([{ paused: 600 }, { waiting: 20 }]);
    expect(await engine.runs.pause(team)).toMatchObject({ done: 0 });
    expect(await engine.runs.resume({ workspace })).toEqual(all);
    expect(await statuses({ workspace })).toEqual({ waiting: 620 });
    expect(await engine.runs.cancel(team)).toEqual(all);
    expect([await statuses(team), await statuses(others)]).toEqual([{ cancelled: 600 }, { waiting: 20 }]);
    // What is over is refused where the filter names it.
    const over = await engine.runs.cancel({ ...team, status: ["cancelled"] });
    expect(over).toMatchObject({ done: 0, refused: 600, reasons: { run_finished: 600 } });
    expect(over.examples).toHaveLength(100);
    expect(await engine.runs.cancel({ workspace, createdAfter: new Date(0) })).toMatchObject({ done: 20 });
  }, 60_000);

  test("are cancelled and undone, where that is asked for", async () => {
    const undone: string[] = [];
    const booking = defineWorkflow({
      format: 1,
      name: "booking",
      nodes: {
        book: { kind: "action", action: "send", compensate: { action: "unbook" } },
        w: { kind: "wait", for: { signal: "approved" } },
      },
      edges: [{ from: "book", to: "w" }],
    });
    const unbook = action("unbook", ({ run }) => undone.push(run.id));
    await using own = backend.engine({ actions: [send, unbook] });
    await own.start();
    const runs = await own.runs.startMany(booking, [{}, {}, {}]);
    for (const run of runs) await expect.poll(() => run.status()).toBe("waiting");
    const filter = { workflow: "booking" };
    await expect(own.runs.cancel(filter, { workspace: "x" } as never)).rejects.toMatchObject({
      code: "option_invalid",
    });
    expect(await own.runs.cancel(filter, { compensate: true })).toMatchObject({ done: 3, refused: 0 });
    for (const run of runs) await expect.poll(() => run.status(), { timeout: 10_000 }).toBe("cancelled");
    expect(undone.sort()).toEqual(runs.map(({ id }) => id).sort());
  });

  test("that failed are cancelled where the filter says so", async () => {
    broken = true;
    const document: WorkflowDocument = {
      format: 1,
      name: "fails",
      nodes: { s: { kind: "action", action: "send" } },
      edges: [],
    };
    const run = await engine.runs.start(defineWorkflow(document), { workspace: "failed" });
    await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
    broken = false;
    expect(await engine.runs.cancel({ workspace: "failed" })).toMatchObject({ done: 0, refused: 0 });
    expect(await engine.runs.cancel({ workspace: "failed", status: ["failed"] })).toMatchObject({ done: 1 });
    expect(await run.status()).toBe("cancelled");
  });

  test("are found by what went wrong in them, and cancelled by it", async () => {
    const workspace = "by-error";
    const refused = action("refused", ({ input }) => {
      throw new PermanentError(`The bank does not know payment ${String(input)} (100%)`);
    });
    await using own = backend.engine({ actions: [refused] });
    await own.start();
    const document: WorkflowDocument = {
      format: 1,
      name: "pay",
      nodes: { s: { kind: "action", action: "refused", input: "{{ input.n }}" } },
      edges: [],
    };
    const ids: string[] = [];
    for (const n of ["17", "18"]) {
      const run = await own.runs.start(defineWorkflow(document), { workspace, input: { n } });
      await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
      ids.push(run.id);
    }
    const found = async (error: string): Promise<readonly string[]> =>
      (await own.runs.list({ workspace, error })).items.map(({ id }) => id);
    expect(await found("PAYMENT 17")).toEqual([ids[0]]);
    expect(await found("permanenterror")).toEqual(ids.toReversed());
    expect(await found("100%")).toHaveLength(2);
    expect(await found("1%0")).toEqual([]);
    const filter = { workspace, status: ["failed"], error: "payment 18" } as const;
    expect(await own.runs.cancel(filter)).toMatchObject({ done: 1, refused: 0 });
    expect(await own.runs.list({ workspace, status: ["failed"] })).toMatchObject({ items: [{ id: ids[0] }] });
  });

  describe("a rerun", () => {
    test("is a new run of the same version and input, with effects of its own", async () => {
      const document: WorkflowDocument = {
        format: 1,
        name: "again",
        nodes: { s: { kind: "action", action: "send", input: "{{ input.n }}" } },
        edges: [],
        output: "{{ [nodes.s.output, input.n] }}",
      };
      const from = keys.length;
      const labels = { team: "a" };
      const first = await engine.runs.start(defineWorkflow(document), { input: { n: 5 }, labels });
      await first.result({ timeout: "20s" });
      // The newest version is another one by now.
      await engine.workflows.register(defineWorkflow({ ...document, output: "{{ 'new' }}" }));
      const again = await engine.runs.rerun(first.id);
      expect(again.id).not.toBe(first.id);
      expect(await again.result({ timeout: "20s" })).toEqual(["sent", 5]);
      const { header, input } = await again.detail();
      expect(header).toMatchObject({ rerunOf: first.id, version: 1, labels, trigger: "start" });
      expect(input).toEqual({ n: 5 });
      expect(new Set(keys.slice(from)).size).toBe(2);
      expect((await first.detail()).header.rerunOf).toBeNull();
    });

    test("from a node takes over what ended before it", async () => {
      const send5 = { kind: "action", action: "send" } as const;
      const document: WorkflowDocument = {
        format: 1,
        name: "from-a-node",
        nodes: {
          first: send5,
          go: { kind: "wait", for: { signal: "go" } },
          big: { kind: "condition", cases: [{ outcome: "big", if: "nodes.go.output.n > 5" }] },
          last: { kind: "action", action: "add", input: { n: "{{ nodes.go.output.n }}" } },
        },
        edges: [
          { from: "first", to: "go" },
          { from: "go", to: "big" },
          { from: "big", to: "last", on: "big" },
        ],
        output: "{{ [nodes.first.output, nodes.last.output.n] }}",
      };
      const run = await engine.runs.start(defineWorkflow(document), { input: {} });
      await expect(engine.runs.rerun(run.id, { from: "last" })).rejects.toMatchObject({
        code: "rerun_refused",
        received: expect.stringMatching(/node "(first|go)" is/) as string,
      });
      await run.signal("go", { n: 7 });
      expect(await run.result({ timeout: "20s" })).toEqual(["sent", 8]);
      const from = keys.length;
      const again = await engine.runs.rerun(run.id, { from: "last" });
      expect(await again.result({ timeout: "20s" })).toEqual(["sent", 8]);
      expect(keys.length).toBe(from);
      const { nodes } = await again.detail();
      expect(Object.fromEntries(nodes.map(({ node, status, output }) => [node, [status, output]]))).toEqual({
        first: ["succeeded", "sent"],
        go: ["succeeded", { n: 7 }],
        big: ["succeeded", { outcome: "big" }],
        last: ["succeeded", { n: 8 }],
      });
      for (const node of ["start", "$output", "nothing"])
        await expect(engine.runs.rerun(run.id, { from: node })).rejects.toMatchObject({
          code: "option_invalid",
        });
    });

    test("of a run that is not there, or not of this workspace", async () => {
      const run = await engine.runs.start(defineWorkflow(chain(1)), { input: { n: 0 }, workspace: "theirs" });
      await run.result({ timeout: "20s" });
      for (const id of [run.id, "no-uuid"])
        await expect(engine.runs.rerun(id)).rejects.toMatchObject({ code: "run_not_found" });
      await expect(engine.runs.rerun(run.id, { form: "s0" } as never)).rejects.toMatchObject({
        code: "option_invalid",
      });
    });
  });

  test.each([
    [{ labels: { team: 5 } }],
    [{ statuses: ["failed"] }],
    [{ status: ["done"] }],
    [{ createdAfter: new Date("never") }],
    [{ limit: 5 }],
    [null],
  ])("a wrong filter is refused: %j", async (filter) => {
    for (const kind of ["cancel", "pause", "resume"] as const)
      await expect(engine.runs[kind](filter as never)).rejects.toMatchObject({ code: "option_invalid" });
  });
});
