/** A consumer takes no more than it has room for, and the room may change at any time. */
import { depthIs, eventually, someTask, someTasks, type UseQueue } from "./fixture.ts";
import type { TestFramework } from "../test-framework.ts";

export function concurrencyContract(use: UseQueue, { expect }: TestFramework): void {
  use("never holds more tasks than it may", async (queue) => {
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler, { concurrency: 3, hold: true });
    await scheduler.dispatch(someTasks(20));
    for (let ended = 0; ended < 17; ended++) {
      await got.count(ended + 3);
      got.release();
    }
    await got.count(20);
    got.releaseAll();
    await depthIs(scheduler, "default", { waiting: 0, active: 0 });
    expect(got.peak).toBe(3);
    expect(got.tasks).toHaveLength(20);
  });

  use("more room is used at once, though no task ends", async (queue) => {
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler, { concurrency: 1, hold: true });
    await scheduler.dispatch(someTasks(10));
    await got.count(1);
    await depthIs(scheduler, "default", { waiting: 9, active: 1 });
    const raisedAt = performance.now();
    got.consumer.setConcurrency(4);
    await got.count(4);
    got.consumer.setConcurrency(6);
    await got.count(6);
    expect(performance.now() - raisedAt).toBeLessThan(2_000);
    expect(got.peak).toBe(6);
  });

  use("less room takes effect with the next task", async (queue) => {
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler, { concurrency: 4, hold: true });
    await scheduler.dispatch(someTasks(10));
    await got.count(4);
    got.consumer.setConcurrency(1);
    for (let ended = 0; ended < 4; ended++) got.release();
    await got.count(5);
    await eventually(() => got.inHand === 1);
    got.peak = 0;
    for (let ended = 5; ended < 10; ended++) {
      got.release();
      await got.count(ended + 1);
    }
    expect(got.peak).toBe(1);
  });

  use("an idle consumer that got more room uses it for the next tasks", async (queue) => {
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler, { concurrency: 1, hold: true });
    got.consumer.setConcurrency(5);
    await scheduler.dispatch(someTasks(5));
    await got.count(5);
    expect(got.peak).toBe(5);
  });

  use("two consumers share the work", async (queue) => {
    const [one, two] = [await queue.open(), await queue.open()];
    const [left, right] = [
      await queue.consume(one, { concurrency: 1, hold: true }),
      await queue.consume(two, { concurrency: 1, hold: true }),
    ];
    await one.dispatch(someTasks(2));
    await Promise.all([left.count(1), right.count(1)]);
    expect(left.nodes).not.toEqual(right.nodes);
    await two.dispatch(someTasks(8));
    left.releaseAll();
    right.releaseAll();
    await depthIs(one, "default", { waiting: 0, active: 0 });
    expect(new Set([...left.nodes, ...right.nodes]).size).toBe(10);
    expect(left.tasks.length + right.tasks.length).toBe(10);
  });

  use("a handler that throws is survived, and its task does not come again", async (queue) => {
    const scheduler = await queue.open();
    const seen: string[] = [];
    const handle = async ({ node }: { readonly node: string }): Promise<void> => {
      seen.push(node);
      if (node === "bad") throw new Error("this handler breaks its promise");
    };
    await scheduler.consume({ lane: "default", concurrency: 1, handle });
    await scheduler.dispatch([someTask({ node: "bad" }), someTask({ node: "good" })]);
    await eventually(() => seen.includes("good"));
    await depthIs(scheduler, "default", { waiting: 0, active: 0 });
    expect(seen).toEqual(["bad", "good"]);
  });
}
