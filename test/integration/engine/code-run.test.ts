/** Code of a workflow in runs: its result, its failures and its end. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtInActions } from "../../../src/actions.ts";
import { defineWorkflow, type Engine, type EngineOptions, RunFailedError } from "../../../src/index.ts";
import { type Backend, collectingLogger, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const coded = (code: string, more: object = {}) =>
  defineWorkflow({
    format: 1,
    name: "coded",
    nodes: {
      code: { kind: "action", action: "code.run", input: { code, input: "{{ input }}", ...more } },
    },
    edges: [],
    output: "{{ nodes.code.output }}",
  });

onEachBackend("code of workflows", (name) => {
  let backend: Backend;

  beforeAll(async () => void (backend = await openBackend(name)));
  afterAll(() => backend[Symbol.asyncDispose]());

  async function started(options: EngineOptions = {}): Promise<Engine> {
    const engine = backend.engine({ actions: builtInActions, sandbox: { cpu: "300ms" }, ...options });
    await engine.start();
    return engine;
  }

  test("gets its input, gives its output, and writes to the logger", async () => {
    const logger = collectingLogger();
    const engine = await started({ logger });
    const code = "console.warn('sum of', input.list.length); return input.list.reduce((a, b) => a + b, 0)";
    const run = await engine.runs.start(coded(code), { input: { list: [1, 2, 3] } });
    expect(await run.result({ timeout: "20s" })).toBe(6);
    expect(logger.lines).toContainEqual({
      level: "warn",
      message: "code wrote to its console",
      fields: {
        runId: run.id,
        workflow: "coded",
        workspace: "default",
        node: "code",
        attempt: 1,
        console: "sum of 3",
      },
    });
  });

  test.each([
    ["throw new Error('no stock')", "code_failed", "Error: no stock (line 1)"],
    ["for (;;);", "code_timeout", "at most 300 ms of computing"],
    [
      "const a = []; for (;;) a.push('x'.repeat(1e6) + a.length)",
      "code_out_of_memory",
      "at most 67108864 bytes",
    ],
  ])("%s is a dead letter after one attempt", async (code, errorCode, message) => {
    const engine = await started({ sandbox: { cpu: errorCode === "code_timeout" ? "300ms" : "10s" } });
    const run = await engine.runs.start(coded(code), { input: {} });
    await expect(run.result({ timeout: "20s" })).rejects.toThrow(RunFailedError);
    const { attempts } = await run.detail();
    expect(attempts).toHaveLength(1);
    const { items } = await engine.deadLetters.list({ runId: run.id });
    expect(items).toMatchObject([{ error: { code: errorCode, message: expect.stringContaining(message) } }]);
  });

  test("of a cancelled run ends", async () => {
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<string>();
    const long = action("own.code", async ({ runCode, signal }) => {
      begun.resolve();
      await runCode({ code: "for (;;);", signal }).catch((error: Error) => ended.resolve(error.name));
      return null;
    });
    const engine = await started({ actions: [long], sandbox: { cpu: "10s" } });
    const document = { nodes: { code: { kind: "action", action: "own.code" } }, edges: [] } as const;
    const run = await engine.runs.start(defineWorkflow({ format: 1, name: "long", ...document }), {
      input: {},
    });
    await begun.promise;
    await run.cancel();
    expect(await ended.promise).toBe("AbortError");
    await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_cancelled" });
  });
});
