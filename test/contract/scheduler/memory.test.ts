import { describe, expect, test } from "vitest";
import { MemoryHub } from "../../../src/testing/memory-hub.ts";
import { createMemoryScheduler, type After } from "../../../src/testing/memory-scheduler.ts";
import { schedulerContract } from "../../../src/testing/scheduler-contract.ts";

const after: After = (ms, callback) => {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
};

schedulerContract(
  "memory",
  async () => {
    const hub = new MemoryHub();
    return {
      create: () => createMemoryScheduler({ hub, after }),
      wipe: async () => hub.wipe(),
      outages: [{ name: "gone", begin: async () => hub.goAway(), end: async () => hub.comeBack() }],
      dispose: async () => {},
    };
  },
  { describe, expect, test },
);
