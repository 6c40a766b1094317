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
});
