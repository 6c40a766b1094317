/** Events that runs publish: to the runs of their own workspace, once for all attempts, without the secrets that they know. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventPublish } from "../../../src/actions.ts";
import {
  defineWorkflow,
  type Engine,
  type Json,
  RunFailedError,
  type RunHandle,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const RETRY = { retry: { immediate: 1, backoff: [] } };

function one(name: string, actionName: string, input: Json): WorkflowDocument {
  const nodes = { a: { kind: "action", action: actionName, input, ...RETRY } } as const;
  return { format: 1, name, nodes, edges: [], output: "{{ nodes.a.output }}" };
}

/** Takes two events: an event that came twice would end it. */
const waiter: WorkflowDocument = {
  format: 1,
  name: "waiter",
  nodes: {
    first: { kind: "wait", for: { event: "order.paid" } },
    second: { kind: "wait", for: { event: "order.paid" } },
  },
  edges: [{ from: "first", to: "second" }],
  output: "{{ [nodes.first.output, nodes.second.output] }}",
};

onEachBackend("event.publish", (name) => {
  let backend: Backend;
  let engine: Engine;

  /** Publishes, then fails at its first attempt. */
  const unlucky = action("unlucky", async ({ attempt, publish }) => {
    const published = await publish("order.paid", { order: 2 });
    if (attempt === 1) throw new Error("too late");
    return published as unknown as Json;
  });
  const wrong = action("wrong", async ({ input, publish }) => {
    const { name: event, payload, id } = input as { name: string; payload?: Json; id?: string };
    await publish(event, payload === "none" ? () => 1 : payload, { id });
    return null;
  });
  const leaky = action("leaky", async ({ publish, redact }) => {
    redact("session-4711-token");
    return (await publish("order.paid", { auth: "Bearer session-4711-token" })) as unknown as Json;
  });

  beforeAll(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ actions: [eventPublish, unlucky, wrong, leaky] });
    await engine.start();
  });
  afterAll(() => backend[Symbol.asyncDispose]());

  const start = (document: WorkflowDocument, workspace: string, input: Json = {}): Promise<RunHandle> =>
    engine.runs.start(defineWorkflow(document as never), { input, workspace });

  async function waiting(run: RunHandle, node: string): Promise<void> {
    const status = async () => (await run.detail()).nodes.find((each) => each.node === node)?.status;
    await expect.poll(status, { timeout: 10_000, interval: 20 }).toBe("waiting");
  }

  test("reaches the runs of its workspace that wait for it, and no others", async () => {
    const [mine, also, foreign] = await Promise.all(
      ["a", "a", "b"].map((workspace) => start(waiter, workspace)),
    );
    for (const run of [mine!, also!, foreign!]) await waiting(run, "first");
    const publish = one("publish", "event.publish", { name: "order.paid", payload: "{{ input }}" });
    const publisher = await start(publish, "a", { order: 1 });
    const output = (await publisher.result({ timeout: "10s" })) as { id: string };
    const id = expect.stringMatching(/^[0-9a-f]{52}\/order\.paid$/) as string;
    expect(output).toEqual({ id, runs: 2, started: 0 });
    for (const run of [mine!, also!]) await waiting(run, "second");
    expect((await foreign!.detail()).nodes.map(({ node }) => node)).not.toContain("second");
    // The host's own call with that id is the same event; with another it is not.
    const again = { workspace: "a", id: output.id };
    expect(await engine.publish("order.paid", { order: 1 }, again)).toMatchObject({
      runs: 2,
      repeated: true,
    });
    expect(await engine.publish("order.paid", 2, { workspace: "a" })).toMatchObject({ runs: 2 });
    expect(await mine!.result({ timeout: "10s" })).toEqual([{ order: 1 }, 2]);
    await foreign!.cancel();
  });

  test("an attempt that failed after it had published is repeated without publishing again", async () => {
    const run = await start(waiter, "repeated");
    await waiting(run, "first");
    const publisher = await start(one("unlucky", "unlucky", null), "repeated");
    expect(await publisher.result({ timeout: "10s" })).toMatchObject({ runs: 1, repeated: true });
    expect((await publisher.detail()).attempts).toHaveLength(1);
    await waiting(run, "second");
    await engine.publish("order.paid", "the next", { workspace: "repeated" });
    expect(await run.result({ timeout: "10s" })).toEqual([{ order: 2 }, "the next"]);
  });

  test("reaches its own run too, in another branch", async () => {
    const document: WorkflowDocument = {
      format: 1,
      name: "own",
      nodes: {
        publish: { kind: "action", action: "event.publish", input: { name: "order.paid", payload: 1 } },
        wait: { kind: "wait", for: { event: "order.paid" } },
      },
      edges: [],
      output: "{{ nodes.wait.output }}",
    };
    expect(await (await start(document, "own")).result({ timeout: "10s" })).toBe(1);
  });

  test("a secret that the attempt knows is not published", async () => {
    const run = await start(waiter, "secret");
    const publisher = await start(one("leaky", "leaky", null), "secret");
    await publisher.result({ timeout: "10s" });
    await engine.publish("order.paid", 2, { workspace: "secret" });
    expect(await run.result({ timeout: "10s" })).toEqual([{ auth: "Bearer [redacted]" }, 2]);
  });

  test.each([
    ["a name that is none", { name: "order paid" }, "option_invalid"],
    ["an empty id", { name: "order.paid", id: "" }, "option_invalid"],
    ["no JSON", { name: "order.paid", payload: "none" }, "value_invalid"],
  ])("%s fails for good", async (_, input, code) => {
    const run = await start(one("wrong", "wrong", input), "wrong");
    await expect(run.result({ timeout: "10s" })).rejects.toThrow(RunFailedError);
    const { nodes, attempts } = await run.detail();
    expect(nodes[0]!.error).toMatchObject({ code });
    expect(attempts).toHaveLength(1);
  });
});
