/** Redrives with another version that lie in the inbox beside other messages. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DeadLetter, type Engine, PermanentError, type RunHandle } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";
import { act, fetched, line, type Nodes, pays } from "./versions.ts";

/** fetch, then two that fail. */
const fork = (left: Nodes[string], right: Nodes[string]) => ({
  nodes: { fetch: fetched, left, right },
  edges: [...line("fetch", "left"), ...line("fetch", "right")],
});

onEachBackend("orders of versions", (name) => {
  let backend: Backend;
  let engine: Engine;
  let paying: () => Promise<never>;
  const broken = (): Promise<never> => Promise.reject(new PermanentError("no account"));

  beforeAll(async () => {
    backend = await openBackend(name);
    engine = backend.engine({
      actions: [
        action("echo", ({ input }) => input),
        action("pay", () => paying()),
        action("pay2", () => "paid anew"),
      ],
    });
    await engine.start();
  });
  afterAll(() => backend[Symbol.asyncDispose]());

  /** A run of version 1 with two dead letters, and another version. */
  async function failed(
    workflow: string,
    second: ReturnType<typeof fork>,
  ): Promise<{ run: RunHandle; left: DeadLetter; right: DeadLetter }> {
    paying = broken;
    await engine.workflows.register({ format: 1, name: workflow, ...fork(act("pay"), act("pay")) });
    const run = await engine.runs.start(workflow, { input: { order: 7 } });
    await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
    await engine.workflows.register({ format: 1, name: workflow, ...second });
    const { items } = await engine.deadLetters.list({ runId: run.id });
    const of = (node: string) => items.find((letter) => letter.node === node)!;
    return { run, left: of("left"), right: of("right") };
  }

  /** An order of a process that died before it looked at the run. */
  async function order({ runId, node, fence }: DeadLetter, body: { kind: string; version?: number }) {
    const whole = { node, item: -1, fence, by: "somebody", newKey: false, ...body };
    await backend.database.query(
      `with sent as (insert into flowforge.run_inbox (run_id, received_at, id, kind, body)
         values ($1, flowforge.now(), 'order', $2, $3))
       update flowforge.runs set seq = seq + 1, inbox = inbox + 1 where id = $1`,
      [runId, body.kind, JSON.stringify(whole)],
    );
  }
  const headerOf = async (run: RunHandle) => (await run.detail()).header;
  const read = async ({ id }: DeadLetter) => (await engine.deadLetters.get(id))!;

  test("what came before is decided by the old version", async () => {
    const { run, left, right } = await failed("before", fork(pays, pays));
    await order(left, { kind: "discard" });
    await engine.deadLetters.redrive(right.id, { version: 2 });
    await run.result({ timeout: "20s" });
    expect(await headerOf(run)).toMatchObject({ version: 2, status: "succeeded" });
    expect([await read(left), await read(right)]).toMatchObject([
      { resolution: "discarded", resolvedBy: "somebody" },
      { resolution: "redriven", resolvedBy: null },
    ]);
  });

  test("what came before may be what stands in the way", async () => {
    const { run, left, right } = await failed("in-the-way", fork(pays, pays));
    const end = Promise.withResolvers<never>();
    paying = () => end.promise;
    await order(left, { kind: "redrive" });
    await expect(engine.deadLetters.redrive(right.id, { version: 2 })).rejects.toMatchObject({
      code: "version_refused",
      received: expect.stringContaining("node_active") as string,
    });
    expect(await headerOf(run)).toMatchObject({ version: 1, deadLetters: 1 });
    end.reject(new PermanentError("no account"));
    await expect.poll(() => run.status(), { timeout: 20_000 }).toBe("failed");
    expect(await engine.deadLetters.redrive({ runId: run.id }, { version: 2 })).toMatchObject({ done: 2 });
    await run.result({ timeout: "20s" });
  });

  test.each([
    ["that is not safe", 2],
    ["that there is not", 99],
  ])("an order for a version %s is used up, and what comes after it is done", async (_which, version) => {
    const unsafe = fork(pays, { kind: "wait", for: { signal: "go" } });
    const { run, left, right } = await failed(`unsafe-${version}`, unsafe);
    await order(left, { kind: "redrive", version });
    await engine.deadLetters.discard(right.id);
    expect(await headerOf(run)).toMatchObject({ version: 1, status: "failed", deadLetters: 1 });
    expect(await read(left)).toEqual(left);
    const unread = "select id from flowforge.run_inbox where run_id = $1 and state <> 'used'";
    expect(await backend.database.query(unread, [run.id])).toEqual([]);
    await engine.deadLetters.discard(left.id);
    await run.result({ timeout: "20s" });
  });

  test("two processes, each with a run in memory: the one that is late reads it anew", async () => {
    const { run, left, right } = await failed("late", fork(pays, pays));
    const other = backend.engine({ actions: [action("echo", () => null), action("pay2", () => "other")] });
    await other.start();
    await order(left, { kind: "redrive", version: 2 });
    const both = await Promise.allSettled([
      engine.deadLetters.redrive(right.id, { version: 2 }),
      other.deadLetters.redrive(right.id, { version: 2 }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await run.result({ timeout: "20s" });
    expect(await headerOf(run)).toMatchObject({ version: 2, status: "succeeded" });
    await other.stop();
  });

  test.each([
    ["answers for a node of the old version reaches no node of the new one", false],
    ["decides is decided by the new version", true],
  ])("what a worker that was given up %s", async (_what, decides) => {
    const slow = Promise.withResolvers<string>();
    const held = Promise.withResolvers<string>();
    const fenced: unknown[] = [];
    const began = Promise.withResolvers<string>();
    const late = backend.engine({
      actions: [
        action("slow", ({ run }) => {
          began.resolve(run.id);
          return slow.promise;
        }),
      ],
    });
    late.on("node.fenced", (event) => fenced.push(event));
    await late.start();
    const node = (name: string): Nodes[string] => ({ kind: "action", action: name });
    const version = (nodes: Record<string, Nodes[string]>, output: string) =>
      late.workflows.register({ format: 1, name: `given-up-${decides}`, nodes, edges: [], output });
    await version({ b: node("slow") }, "{{ nodes.b.output }}");
    const run = await late.runs.start(`given-up-${decides}`);
    await began.promise;
    // Somebody else found it lost, and it is a dead letter: the fence is another one.
    await backend.database.query(
      `with seen as (update flowforge.runs set seq = seq + 1, status = 'failed', dead_letters = 1, finished_at = flowforge.now()
           where id = $1 returning id, seq, workspace, workflow),
         node as (update flowforge.node_runs n set seq = seen.seq, status = 'failed', failure = 'open', fence = 2, worker = null,
           error = '{"class":"lost","message":"it was lost"}' from seen where n.run_id = seen.id returning n.node)
       insert into flowforge.dead_letters (run_id, opened_at, item, fence, generation, attempts, node, fingerprint, workspace,
           workflow, error_class, error)
         select seen.id, flowforge.now(), -1, 2, 0, 1, node.node, 'f', seen.workspace, seen.workflow, 'lost',
           '{"class":"lost","message":"it was lost"}' from seen, node`,
      [run.id],
    );
    // In the new version another node has the place of the old one, and runs under the fence that it had.
    await version({ a: node("hold"), b: node("quick") }, "{{ [nodes.a.output, nodes.b.output] }}");
    const next = backend.engine({
      actions: [action("hold", () => held.promise), action("quick", () => "by the next")],
    });
    await next.start();
    const [letter] = (await next.deadLetters.list({ runId: run.id })).items;
    await next.deadLetters.redrive(letter!.id, { version: 2 });
    const statuses = async () => {
      const { header, nodes } = (await next.runs.get(run.id))!;
      return [header.version, ...nodes.map((one) => `${one.node} ${one.status} ${one.fence}`).sort()];
    };
    await expect.poll(statuses, { timeout: 20_000 }).toEqual([2, "a running 1", "b succeeded 4"]);
    if (decides) await late.runs.pause(run.id);
    if (decides) await late.runs.resume(run.id);
    slow.resolve("much too late");
    if (!decides)
      await expect.poll(() => fenced, { timeout: 20_000 }).toEqual([{ runId: run.id, node: "b" }]);
    expect(await statuses()).toEqual([2, "a running 1", "b succeeded 4"]);
    held.resolve("held");
    // Its process follows the run to the new version.
    expect(await run.result({ timeout: "20s" })).toEqual(["held", "by the next"]);
    await Promise.all([late.stop(), next.stop()]);
  });
});
