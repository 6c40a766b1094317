/** What a run does, from start to result, on each backend and with every node through the queue. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { defineWorkflow, type Engine } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { chain } from "./documents.ts";
import { testRunRules, witness } from "./run-rules.ts";

onEachBackend("runs", (name) => {
  describe.each([true, false])("inline: %s", (inline) => {
    const seen = witness();
    let backend: Backend;
    let engine: Engine;

    beforeEach(async () => {
      backend = await openBackend(name);
      engine = backend.engine({ worker: { inline }, actions: seen.actions });
      await engine.start();
    });

    afterEach(() => backend[Symbol.asyncDispose]());

    testRunRules(() => engine, seen);

    test("another process's handle waits for the result too", async () => {
      const client = backend.engine({ actions: [] });
      await client.start({ work: false, maintain: false });
      const started = await client.runs.start(defineWorkflow(chain(3)), { input: { n: 5 } });
      expect(await started.result({ timeout: "20s" })).toBe(8);
    });
  });
});
