/** What a scheduler must do: the definition, as a suite that every scheduler passes (BullMQ, memory, and yours). */
import type { TestFramework } from "./test-framework.ts";
import { TestQueue, type SchedulerFactory, type UseQueue } from "./scheduler-contract/fixture.ts";
import { concurrencyContract } from "./scheduler-contract/concurrency.ts";
import { deliveryContract } from "./scheduler-contract/delivery.ts";
import { lifecycleContract } from "./scheduler-contract/lifecycle.ts";
import { outageContract } from "./scheduler-contract/outage.ts";

export type { Outage, SchedulerFactory, SchedulerFixture } from "./scheduler-contract/fixture.ts";

/** Longer than a task needs to come back after its worker died. */
const TEST_MS = 60_000;

/**
 * Declares, in a test file, the suite that a scheduler must pass before an engine may be given it.
 *
 *     import { describe, expect, test } from "vitest";
 *     schedulerContract("my queue", makeFixture, { describe, expect, test });
 *
 * `factory` is called once for each test and must give an empty queue; `dispose()` is called at the end, also when the test failed.
 * A test may take 60 seconds. With `outages` the suite takes the server away and gives it back: use a server of its own.
 */
export function schedulerContract(name: string, factory: SchedulerFactory, api: TestFramework): void {
  const { describe, test } = api;
  const use: UseQueue = (title, body) => {
    test(
      title,
      async () => {
        const queue = new TestQueue(await factory());
        try {
          await body(queue);
        } finally {
          await queue.dispose();
        }
      },
      TEST_MS,
    );
  };
  describe(`scheduler contract: ${name}`, () => {
    describe("delivery", () => deliveryContract(use, api));
    describe("concurrency", () => concurrencyContract(use, api));
    describe("lifecycle", () => lifecycleContract(use, api));
    describe("outages", () => outageContract(use, api));
  });
}
