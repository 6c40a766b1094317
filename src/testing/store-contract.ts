/**
 * What a store must do: the definition, as a suite that every store passes (PostgreSQL, memory, and yours).
 *
 * Run it with `storeContract("my store", factory, { describe, test, expect })` in a vitest file. `fast-check` must be
 * installed too. Properties print their seed when they fail; `FLOWFORGE_SEED=<seed>` replays them.
 */
import { commitRules } from "./store-contract/commit-rules.ts";
import { concurrencyRules } from "./store-contract/concurrency-rules.ts";
import { definitionRules } from "./store-contract/definition-rules.ts";
import { inboxRules } from "./store-contract/inbox-rules.ts";
import { loadRules } from "./store-contract/load-rules.ts";
import { lockedRules } from "./store-contract/locked-rules.ts";
import { loopRules } from "./store-contract/loop-rules.ts";
import { rowRules } from "./store-contract/row-rules.ts";
import { valueRules } from "./store-contract/value-rules.ts";
import { workerRules } from "./store-contract/worker-rules.ts";
import { makeKit, type StoreFactory, type TestFramework } from "./store-contract/kit.ts";

export type { StoreFactory, StoreUnderTest, TestFramework } from "./store-contract/kit.ts";

const PARTS = [
  commitRules,
  rowRules,
  valueRules,
  loadRules,
  inboxRules,
  lockedRules,
  concurrencyRules,
  workerRules,
  loopRules,
  definitionRules,
] as const;

/**
 * Declares the suite. `factory` is called once for each rule and must return an empty store whose clock can be shifted;
 * `close()` is called at the end of the rule, also when it failed.
 */
export function storeContract(name: string, factory: StoreFactory, framework: TestFramework): void {
  const kit = makeKit(factory, framework);
  framework.describe(`store contract: ${name}`, () => {
    for (const rules of PARTS) rules(kit);
  });
}
