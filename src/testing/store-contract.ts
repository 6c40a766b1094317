/** What a store must do: the definition, as a suite that every store passes (PostgreSQL, memory, and yours). */
import { actionKeyRules } from "./store-contract/action-key-rules.ts";
import { auditRules } from "./store-contract/audit-rules.ts";
import { breakerRules } from "./store-contract/breaker-rules.ts";
import { commitRules } from "./store-contract/commit-rules.ts";
import { credentialRules } from "./store-contract/credential-rules.ts";
import { childRules } from "./store-contract/child-rules.ts";
import { concurrencyRules } from "./store-contract/concurrency-rules.ts";
import { deadLetterRules } from "./store-contract/dead-letter-rules.ts";
import { definitionRules } from "./store-contract/definition-rules.ts";
import { eventRules } from "./store-contract/event-rules.ts";
import { feedRules } from "./store-contract/feed-rules.ts";
import { gatePressureRules } from "./store-contract/gate-pressure-rules.ts";
import { gateRules } from "./store-contract/gate-rules.ts";
import { heldRules } from "./store-contract/held-rules.ts";
import { quotaRules } from "./store-contract/quota-rules.ts";
import { inboxRules } from "./store-contract/inbox-rules.ts";
import { keyRules } from "./store-contract/key-rules.ts";
import { limitRules } from "./store-contract/limit-rules.ts";
import { loadRules } from "./store-contract/load-rules.ts";
import { lockedRules } from "./store-contract/locked-rules.ts";
import { loopRules } from "./store-contract/loop-rules.ts";
import { mapPageRules } from "./store-contract/map-page-rules.ts";
import { mapRestRules } from "./store-contract/map-rest-rules.ts";
import { mapRules } from "./store-contract/map-rules.ts";
import { memoRules } from "./store-contract/memo-rules.ts";
import { placeRules } from "./store-contract/place-rules.ts";
import { retentionRules } from "./store-contract/retention-rules.ts";
import { runErrorRules } from "./store-contract/run-error-rules.ts";
import { rowRules } from "./store-contract/row-rules.ts";
import { namedScheduleRules } from "./store-contract/named-schedule-rules.ts";
import { pollRules } from "./store-contract/poll-rules.ts";
import { scheduleRules } from "./store-contract/schedule-rules.ts";
import { sizeRules } from "./store-contract/size-rules.ts";
import { stuckRules } from "./store-contract/stuck-rules.ts";
import { valueRules } from "./store-contract/value-rules.ts";
import { tenantRules } from "./store-contract/tenant-rules.ts";
import { triggerRules } from "./store-contract/trigger-rules.ts";
import { versionRules } from "./store-contract/version-rules.ts";
import { webhookRules } from "./store-contract/webhook-rules.ts";
import { workerRules } from "./store-contract/worker-rules.ts";
import { workspaceRules } from "./store-contract/workspace-rules.ts";
import { makeKit, type StoreFactory, type StoreContractTools } from "./store-contract/kit.ts";

export type { StoreContractTools, StoreFactory, StoreUnderTest } from "./store-contract/kit.ts";

const PARTS = [
  commitRules,
  rowRules,
  valueRules,
  sizeRules,
  loadRules,
  inboxRules,
  lockedRules,
  concurrencyRules,
  workerRules,
  loopRules,
  definitionRules,
  deadLetterRules,
  runErrorRules,
  keyRules,
  gateRules,
  gatePressureRules,
  actionKeyRules,
  memoRules,
  mapRules,
  mapPageRules,
  mapRestRules,
  childRules,
  credentialRules,
  versionRules,
  triggerRules,
  scheduleRules,
  pollRules,
  namedScheduleRules,
  webhookRules,
  retentionRules,
  workspaceRules,
  tenantRules,
  eventRules,
  feedRules,
  auditRules,
  limitRules,
  placeRules,
  heldRules,
  quotaRules,
  breakerRules,
  stuckRules,
] as const;

/**
 * Declares, in a test file, the suite that a store must pass before an engine may be given it. Every sentence of the port `Store` is
 * a rule here.
 *
 *     import fc from "fast-check";
 *     import { describe, expect, test } from "vitest";
 *     storeContract("my store", openEmptyStore, { describe, expect, test, fc });
 *
 * `factory` is called once for each rule and must return an empty store whose clock can be shifted; `close()` is called at the end
 * of the rule, also when it failed. Give `second`, another connection to the same data, where the store can have one: the rules of
 * concurrency use both. A rule may take 60 seconds; all of them take a few. Properties print their seed when they fail, and
 * `FLOWFORGE_SEED=<seed>` replays them.
 */
export function storeContract(name: string, factory: StoreFactory, tools: StoreContractTools): void {
  const kit = makeKit(factory, tools);
  tools.describe(`store contract: ${name}`, () => {
    for (const rules of PARTS) rules(kit);
  });
}
