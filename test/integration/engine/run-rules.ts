/** The rules that every run keeps, wherever its PostgreSQL and its queue come from. */
import { beforeEach, expect, test } from "vitest";
import { z } from "zod";
import {
  type Action,
  defineWorkflow,
  type Engine,
  PermanentError,
  RunFailedError,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { action, add, chain, count, Executions, fan } from "./documents.ts";

/** The actions that these rules use, and what they did. */
export interface Witness {
  readonly actions: readonly Action[];
  readonly executions: Executions;
}

export function witness(): Witness {
  const executions = new Executions();
  const tries = new Map<string, number>();
  const flaky = action("flaky", (context) => {
    const key = context.run.id;
    tries.set(key, (tries.get(key) ?? 0) + 1);
    if (tries.get(key) === 1) {
      throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    }
    return { tries: tries.get(key)! };
  });
  const broken = action("broken", () => {
    throw new PermanentError("no such customer");
  });
  const strict = action("strict", ({ input }) => input, { input: z.object({ n: z.number() }) });
  const liar = action("liar", () => ({ n: "not a number" }), { output: z.object({ n: z.number() }) });
  return { executions, actions: [add(executions), count(executions), flaky, broken, strict, liar] };
}

/** Tests of the engine that is there when they run. It may be the same one for all of them. */
export function testRunRules(engine: () => Engine, { executions }: Pick<Witness, "executions">): void {
  beforeEach(() => executions.counts.clear());

  const run = async (document: WorkflowDocument, input: unknown = { n: 0 }) =>
    engine().runs.start(defineWorkflow(document), { input });

  test("a chain gives its result, each node once", async () => {
    const started = await run(chain(10));
    expect(await started.result({ timeout: "20s" })).toBe(10);
    expect(await started.status()).toBe("succeeded");
    expect(executions.total).toBe(10);
    expect(executions.repeated).toEqual([]);
  });

  test("a fan-out of 20 joins once", async () => {
    const started = await run(fan(20));
    expect(await started.result({ timeout: "20s" })).toBe("joined");
    expect(executions.total).toBe(22);
    expect(executions.repeated).toEqual([]);
  });

  test("twenty runs at once", async () => {
    const started = await engine().runs.startMany(
      defineWorkflow(chain(5)),
      Array.from({ length: 20 }, (_, n) => ({ input: { n } })),
    );
    const results = await Promise.all(started.map((each) => each.result({ timeout: "20s" })));
    expect(results).toEqual(Array.from({ length: 20 }, (_, n) => n + 5));
    expect(executions.repeated).toEqual([]);
  });

  test("conditions, skips, waits and error edges", async () => {
    const started = await run({
      format: 1,
      name: "mixed",
      nodes: {
        a: { kind: "action", action: "add", input: { n: "{{ input.n }}" } },
        big: { kind: "condition", cases: [{ outcome: "big", if: "nodes.a.output.n > 100" }] },
        never: { kind: "action", action: "count" },
        pause: { kind: "wait", for: { duration: 50 } },
        fails: { kind: "action", action: "broken" },
        rescue: { kind: "action", action: "strict", input: { n: "{{ nodes.a.output.n }}" } },
      },
      edges: [
        { from: "a", to: "big" },
        { from: "big", to: "never", on: "big" },
        { from: "big", to: "pause", on: "else" },
        { from: "pause", to: "fails" },
        { from: "fails", to: "rescue", on: "error" },
      ],
      output: {
        rescued: "{{ nodes.rescue.output }}",
        error: "{{ nodes.fails.error.message }}",
        never: "{{ nodes.never.output }}",
      },
    });
    expect(await started.result({ timeout: "20s" })).toEqual({
      rescued: { n: 1 },
      error: "no such customer",
      never: null,
    });
    const { nodes, attempts } = await started.detail();
    const status = Object.fromEntries(nodes.map((node) => [node.node, node.status]));
    expect(status).toMatchObject({
      a: "succeeded",
      never: "skipped",
      pause: "succeeded",
      fails: "failed",
      rescue: "succeeded",
    });
    expect(attempts).toMatchObject([{ node: "fails", attempt: 1 }]);
  });

  test("a step that fails recovers by an immediate retry", async () => {
    const started = await run({
      format: 1,
      name: "recovers",
      nodes: { f: { kind: "action", action: "flaky" } },
      edges: [],
    });
    expect(await started.result({ timeout: "20s" })).toEqual({ f: { tries: 2 } });
    expect((await started.detail()).attempts).toMatchObject([{ node: "f", attempt: 1 }]);
  });

  test("a backoff is durable and is woken", async () => {
    const started = await run({
      format: 1,
      name: "backs-off",
      nodes: { f: { kind: "action", action: "flaky", retry: { immediate: 0, backoff: [50] } } },
      edges: [],
    });
    expect(await started.result({ timeout: "20s" })).toEqual({ f: { tries: 2 } });
  });

  test("one failing step does not take the workflow down with it", async () => {
    const started = await run({
      format: 1,
      name: "half",
      nodes: {
        bad: { kind: "action", action: "broken" },
        after: { kind: "action", action: "count" },
        good: { kind: "action", action: "add", input: { n: "{{ input.n }}" } },
      },
      edges: [{ from: "bad", to: "after" }],
    });
    const error = await started.result({ timeout: "20s" }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(RunFailedError);
    expect((error as RunFailedError).failures).toMatchObject([
      { node: "bad", error: { message: "no such customer" } },
    ]);
    const { nodes, header } = await started.detail();
    expect(header).toMatchObject({ status: "failed", deadLetters: 1 });
    expect(nodes.find((node) => node.node === "good")?.status).toBe("succeeded");
    expect(nodes.find((node) => node.node === "after")).toBeUndefined();
  });

  test.each([
    ["strict", "invalid_input", { n: "{{ 'text' }}" }],
    ["liar", "invalid_output", {}],
    ["strict", "expression", { n: "{{ input.missing + 1 }}" }],
  ])(
    "%s with a value that is refused is a dead letter of class %s",
    async (actionName, errorClass, input) => {
      const nodes = { bad: { kind: "action", action: actionName, input } } as const;
      const started = await run({ format: 1, name: "refused", nodes, edges: [] });
      const error = await started.result({ timeout: "20s" }).catch((caught: unknown) => caught);
      expect((error as RunFailedError).failures).toMatchObject([
        { node: "bad", error: { class: errorClass } },
      ]);
    },
  );

  test("events tell what happens, to the end", async () => {
    const started = await run(chain(3));
    const seen: string[] = [];
    for await (const move of started.events()) {
      seen.push(move.type === "run" ? `run ${move.status}` : `${move.node} ${move.status}`);
    }
    expect(seen.at(-1)).toBe("run succeeded");
    for (const node of ["s0", "s1", "s2"]) expect(seen).toContain(`${node} succeeded`);
  });
}
