/**
 * `flowforge/testing`: for tests of what is built on FlowForge. Parts in memory, which are never for production (nothing survives the
 * process), and the contracts that a store or a scheduler of your own must pass. Needs no test framework and no server.
 */
export type * from "./core/ports/notifier.ts";
export type * from "./core/ports/scheduler.ts";
export { taskId } from "./core/ports/scheduler.ts";
export type * from "./core/ports/store.ts";
export {
  actionContract,
  type ActionExample,
  type ActionFactory,
  type ActionFailure,
  type ActionFixture,
  type ActionSuccess,
  type FixtureTransaction,
} from "./testing/action-contract.ts";
export { MemoryHub } from "./testing/memory-hub.ts";
export {
  createMemoryNotifier,
  MemoryNotifierHub,
  type MemoryNotifierOptions,
} from "./testing/memory-notifier.ts";
export {
  createMemoryScheduler,
  type After,
  type MemorySchedulerOptions,
} from "./testing/memory-scheduler.ts";
export { createMemoryStore, type MemoryStoreOptions } from "./testing/memory-store.ts";
export {
  schedulerContract,
  type Outage,
  type SchedulerFactory,
  type SchedulerFixture,
} from "./testing/scheduler-contract.ts";
export {
  storeContract,
  type StoreContractTools,
  type StoreFactory,
  type StoreUnderTest,
} from "./testing/store-contract.ts";
export type { Expect, Matchers, PropertyLibrary, TestFramework } from "./testing/test-framework.ts";
