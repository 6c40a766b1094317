/** `flowforge/testing`: parts in memory for tests of what is built on FlowForge. Never for production: nothing survives. */
export type * from "./core/ports/notifier.ts";
export type * from "./core/ports/scheduler.ts";
export type * from "./core/ports/store.ts";
export {
  createMemoryNotifier,
  MemoryNotifierHub,
  type MemoryNotifierOptions,
} from "./testing/memory-notifier.ts";
export { createMemoryScheduler, type MemorySchedulerOptions } from "./testing/memory-scheduler.ts";
export { createMemoryStore, type MemoryStoreOptions } from "./testing/memory-store.ts";
