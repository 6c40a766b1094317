/** That an action keeps what its effect class promises. */
import type { EffectKind } from "../../core/definition/action.ts";
import type { TestFramework } from "../test-framework.ts";
import type { AttemptSettings, Trial } from "./trial.ts";
import type { UseAction } from "./use.ts";

export function effectContract(use: UseAction, { expect }: TestFramework): void {
  /** One attempt with the first good input; gives its output. */
  const succeed = async (trial: Trial, settings: AttemptSettings): Promise<unknown> => {
    const outcome = await trial.run(trial.first, settings);
    expect(outcome).toMatchObject({ type: "succeeded" });
    return outcome.type === "succeeded" ? outcome.output : undefined;
  };

  const promises: { readonly [kind in EffectKind]: (trial: Trial) => Promise<void> } = {
    /** It changes nothing, however often it runs. */
    async readonly(trial) {
      const before = (await trial.fixture.effects?.()) ?? 0;
      await succeed(trial, { key: "a" });
      await succeed(trial, { key: "a", attempt: 2 });
      expect((await trial.fixture.effects?.()) ?? 0).toBe(before);
    },

    /** Its receiver takes a key once. */
    async idempotent(trial) {
      await succeed(trial, { key: "a" });
      await succeed(trial, { key: "a", attempt: 2 });
      expect(await trial.effects()).toBe(1);
    },

    /** What an earlier attempt has done is found, and is what a later one gives. */
    async verifiable(trial) {
      // Nothing happened before the second attempt of `a`, so it is the one that does it.
      const output = await succeed(trial, { key: "a", attempt: 2 });
      expect(await trial.effects()).toBe(1);
      expect(await succeed(trial, { key: "a", attempt: 3 })).toEqual(output);
      expect(await trial.effects()).toBe(1);
      // Another node run is another effect.
      await succeed(trial, { key: "b", attempt: 2 });
      expect(await trial.effects()).toBe(2);
    },

    /** One attempt is one effect; that there is no second attempt is the engine's promise. */
    async atMostOnce(trial) {
      await succeed(trial, { key: "a" });
      expect(await trial.effects()).toBe(1);
    },

    /** All that it does is in the transaction. */
    async transactional(trial) {
      await succeed(trial, { key: "a", end: "rollback" });
      expect(await trial.effects()).toBe(0);
      await succeed(trial, { key: "a", attempt: 2 });
      expect(await trial.effects()).toBe(1);
    },
  };

  use("keeps what its effect class promises", async (trial) => {
    const { effect, action } = trial.registered;
    const kind = action.effectOf?.(trial.accept(trial.first)) ?? effect;
    if (kind === null) throw new Error(`Action "${action.name}" declares no effect class.`);
    await promises[kind](trial);
  });
}
