/** `flowforge/testing`: parts for tests of workflows, stores and schedulers. Never for production. */
export { createMemoryStore } from "./testing/memory-store.ts";
export type * from "./core/ports/store.ts";
