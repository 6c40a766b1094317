/** What comes of an attempt. */
import type { Outcome } from "../../worker/attempt.ts";
import type { TestFramework } from "../test-framework.ts";
import type { UseAction } from "./use.ts";

/** An action that was told to stop must have ended by then. */
const STOP_MS = 2_000;

export function outcomeContract(use: UseAction, { expect }: TestFramework): void {
  use("succeeds with every good input, and its output fits its schema", async (trial) => {
    for (const [index, example] of trial.fixture.successes.entries()) {
      const { title } = example;
      const outcome = await trial.run(example, { key: `key-${index}` });
      expect({ title, ...shown(outcome) }).toMatchObject({ title, type: "succeeded" });
      if (outcome.type !== "succeeded" || example.output === undefined) continue;
      expect({ title, output: outcome.output }).toEqual({ title, output: example.output });
    }
  });

  use("leaves its input as it was: a later attempt gets the same", async (trial) => {
    const input = trial.accept(trial.first);
    const before = JSON.stringify(input);
    await trial.run(trial.first, { input });
    expect(JSON.stringify(input)).toBe(before);
  });

  use("fails as the other side's answer means it", async (trial) => {
    for (const [index, example] of (trial.fixture.failures ?? []).entries()) {
      const { title, meaning } = example;
      await example.arrange?.();
      const outcome = await trial.run(example, { key: `key-${index}` });
      expect({ title, meaning: trial.meaning, ...shown(outcome) }).toMatchObject({ title, meaning });
    }
  });

  use("fails for good, and has no effect, where its node grants it no credential", async (trial) => {
    const asking = trial.fixture.successes.filter(({ credentials }) => credentials !== undefined);
    for (const example of asking) {
      const { title } = example;
      await trial.run(example, { granted: false });
      expect({ title, meaning: trial.meaning }).toEqual({ title, meaning: "permanent" });
    }
    if (trial.fixture.effects) expect(await trial.effects()).toBe(0);
  });

  use("ends when it is told to stop", async (trial) => {
    const { slow } = trial.fixture;
    const transaction = await trial.fixture.begin?.();
    const attempt = trial.begin(slow ?? trial.first, {}, transaction);
    // The action has begun, as far as it can before it waits for something.
    await new Promise(setImmediate);
    attempt.interrupt();
    const ended = await Promise.race([attempt.ended.then(() => "in time"), pause(STOP_MS)]);
    await transaction?.rollback();
    expect({ title: (slow ?? trial.first).title, ended }).toMatchObject({ ended: "in time" });
    if (slow) expect((await attempt.outcome).type).toBe("interrupted");
  });
}

function shown(outcome: Outcome): object {
  return outcome.type === "failed" ? { type: outcome.type, error: outcome.error } : { type: outcome.type };
}

function pause(ms: number): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve(`not within ${ms} ms`), ms).unref());
}
