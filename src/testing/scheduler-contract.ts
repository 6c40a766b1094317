/**
 * What every scheduler must do. Run it on a scheduler of your own:
 *
 *     import { describe, expect, test } from "vitest";
 *     schedulerContract("my queue", makeFixture, { describe, expect, test });
 */
import {
  TestQueue,
  type SchedulerFactory,
  type TestApi,
  type UseQueue,
} from "./scheduler-contract/fixture.ts";
import { concurrencyContract } from "./scheduler-contract/concurrency.ts";
import { deliveryContract } from "./scheduler-contract/delivery.ts";
import { lifecycleContract } from "./scheduler-contract/lifecycle.ts";
import { outageContract } from "./scheduler-contract/outage.ts";

export type { SchedulerFactory, SchedulerFixture, TestApi } from "./scheduler-contract/fixture.ts";

/** Longer than a task needs to come back after its worker died. */
const TEST_MS = 60_000;

/** Registers one suite. The factory is called once per test. */
export function schedulerContract(name: string, factory: SchedulerFactory, api: TestApi): void {
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
