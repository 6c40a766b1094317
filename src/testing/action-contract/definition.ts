/** What an action says of itself. */
import { z } from "zod";
import { checkValue } from "../../core/values.ts";
import type { TestFramework } from "../test-framework.ts";
import type { UseAction } from "./use.ts";

export function definitionContract(use: UseAction, { expect }: TestFramework): void {
  use("has a description and an effect class", async ({ fixture: { action } }) => {
    expect({ name: action.name, described: (action.description ?? "").length > 0 }).toEqual({
      name: action.name,
      described: true,
    });
    expect(action.effect ?? action.effectOf).toBeDefined();
  });

  use("has schemas that can be shown: as JSON Schema", async ({ fixture: { action } }) => {
    if (action.input) expect(z.toJSONSchema(action.input, { io: "input" })).toHaveProperty("$schema");
    if (action.output) expect(z.toJSONSchema(action.output)).toHaveProperty("$schema");
  });

  use("takes every good input, and what it makes of it can be stored and read again", async (trial) => {
    for (const example of [...trial.fixture.successes, ...(trial.fixture.failures ?? [])]) {
      const { title } = example;
      const input = trial.accept(example);
      expect({ title, stored: checkValue(input).ok }).toEqual({ title, stored: true });
      const again = trial.accept({ title, input: JSON.parse(JSON.stringify(input)) as typeof input });
      expect({ title, input: again }).toEqual({ title, input });
    }
  });

  use("refuses every bad input before it runs", async (trial) => {
    const { action, refused = [] } = trial.fixture;
    expect({ examplesOfRefusedInputs: refused.length > 0 }).toEqual({
      examplesOfRefusedInputs: action.input !== undefined,
    });
    for (const example of refused) {
      let message = "";
      try {
        trial.accept(example);
      } catch (error) {
        ({ message } = error as Error);
      }
      expect({ title: example.title, refused: message !== "" }).toEqual({
        title: example.title,
        refused: true,
      });
    }
  });
}
