/** The engine on the embedded server keeps the rules that it keeps everywhere. */
import { afterAll, beforeAll, describe, vi } from "vitest";
import { createEngine, type Engine } from "../../../src/index.ts";
import { testRunRules, witness } from "../engine/run-rules.ts";
import { PATIENCE_MS } from "./places.ts";

vi.setConfig({ testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS });

describe.each([true, false])("runs (embedded), inline: %s", (inline) => {
  const seen = witness();
  let engine: Engine;
  beforeAll(async () => {
    engine = createEngine({ worker: { inline }, actions: seen.actions });
    await engine.start();
  });
  afterAll(() => engine.stop());
  testRunRules(() => engine, seen);
});
