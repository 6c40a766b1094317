/** What an action must keep to, so that a node which runs it is retried, stopped and resumed without surprises. */
import { definitionContract } from "./action-contract/definition.ts";
import { effectContract } from "./action-contract/effects.ts";
import type { ActionFactory } from "./action-contract/fixture.ts";
import { outcomeContract } from "./action-contract/outcomes.ts";
import { Trial } from "./action-contract/trial.ts";
import type { UseAction } from "./action-contract/use.ts";
import type { TestFramework } from "./test-framework.ts";

export type {
  ActionExample,
  ActionFactory,
  ActionFailure,
  ActionFixture,
  ActionSuccess,
  FixtureTransaction,
} from "./action-contract/fixture.ts";

const TEST_MS = 60_000;

/**
 * Declares, in a test file, the suite for one action. For packages of actions, and for a host's own.
 *
 *     import { describe, expect, test } from "vitest";
 *     actionContract("chat.post", makeFixture, { describe, expect, test });
 *
 * The action gets what an engine would give it: parsed input, credentials that the node grants, the guarded `fetch`, a signal. The
 * fixture brings examples, and counts how often the effect has happened: `factory` is called once for each test and must give a count
 * of 0; `dispose()` is called at the end, also when the test failed. A test may take 60 seconds. Needs no server of FlowForge's own.
 */
export function actionContract(name: string, factory: ActionFactory, api: TestFramework): void {
  const { describe, test } = api;
  const use: UseAction = (title, body) => {
    test(
      title,
      async () => {
        const trial = new Trial(await factory());
        try {
          await body(trial);
        } finally {
          await trial.dispose();
        }
      },
      TEST_MS,
    );
  };
  describe(`action contract: ${name}`, () => {
    describe("definition", () => definitionContract(use, api));
    describe("outcomes", () => outcomeContract(use, api));
    describe("effects", () => effectContract(use, api));
  });
}
