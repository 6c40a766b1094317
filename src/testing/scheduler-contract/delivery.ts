/** What comes out is what went in: once, in its lane, and never more than a task may carry. */
import { depthIs, someTask, someTasks, type UseQueue } from "./fixture.ts";
import type { TestFramework } from "../test-framework.ts";

export function deliveryContract(use: UseQueue, { expect }: TestFramework): void {
  use("delivers a task as it was dispatched", async (queue) => {
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler);
    const task = someTask({ item: 7, fence: 3, dispatches: 2, workspace: "wörk space", node: "größe-1" });
    await scheduler.dispatch([task]);
    await got.count(1);
    expect(got.tasks).toEqual([task]);
    expect(got.consumer.taken).toBe(1);
    await depthIs(scheduler, "default", { waiting: 0, active: 0 });
  });

  use("delivers what waited before the consumer came, from any scheduler", async (queue) => {
    const [sender, receiver] = [await queue.open(), await queue.open()];
    const task = someTask();
    await sender.dispatch([task]);
    const got = await queue.consume(receiver);
    await got.count(1);
    expect(got.tasks).toEqual([task]);
  });

  use("the same task twice while the first waits is one task", async (queue) => {
    const scheduler = await queue.open();
    const [task, last] = [someTask(), someTask()];
    await scheduler.dispatch([task, task]);
    await scheduler.dispatch([task]);
    await scheduler.dispatch([last]);
    expect(await scheduler.depth("default")).toMatchObject({ waiting: 2 });
    const got = await queue.consume(scheduler, { concurrency: 1 });
    await depthIs(scheduler, "default", { waiting: 0, active: 0 });
    expect(got.nodes).toEqual([task.node, last.node]);
  });

  use("a task that was handled may come again, and so may its next dispatch at once", async (queue) => {
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler);
    const task = someTask();
    await scheduler.dispatch([task]);
    await got.count(1);
    await depthIs(scheduler, "default", { waiting: 0, active: 0 });
    await scheduler.dispatch([task, { ...task, dispatches: 2 }]);
    await got.count(3);
    expect(got.tasks.map(({ dispatches }) => dispatches).sort((a, b) => a - b)).toEqual([1, 1, 2]);
  });

  use("keeps lanes apart", async (queue) => {
    const scheduler = await queue.open();
    const [slow, fast] = [someTasks(3, { lane: "slow" }), someTasks(3, { lane: "fast" })];
    await scheduler.dispatch([...slow, ...fast]);
    expect(await scheduler.depth("slow")).toMatchObject({ waiting: 3 });
    const got = await queue.consume(scheduler, { lane: "fast" });
    await depthIs(scheduler, "fast", { waiting: 0, active: 0 });
    expect(got.tasks).toHaveLength(3);
    expect(got.tasks.every(({ lane }) => lane === "fast")).toBe(true);
    expect(await scheduler.depth("slow")).toMatchObject({ waiting: 3, active: 0 });
  });

  use("delivers many tasks once each", async (queue) => {
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler, { concurrency: 20 });
    const tasks = someTasks(1_000);
    for (let start = 0; start < tasks.length; start += 100)
      await scheduler.dispatch(tasks.slice(start, start + 100));
    await got.count(tasks.length);
    await depthIs(scheduler, "default", { waiting: 0, active: 0 });
    expect(got.nodes.sort()).toEqual(tasks.map(({ node }) => node).sort());
    expect(got.consumer.taken).toBe(tasks.length);
  });

  use("tells how many wait, how many are in hand, and the age of the oldest that waits", async (queue) => {
    const scheduler = await queue.open();
    expect(await scheduler.depth("default")).toEqual({ waiting: 0, active: 0, oldest: null });
    await scheduler.dispatch([someTask({ dispatchedAt: 5_000 }), someTask({ dispatchedAt: 6_000 })]);
    await scheduler.dispatch([someTask({ dispatchedAt: 7_000 })]);
    expect(await scheduler.depth("default")).toEqual({ waiting: 3, active: 0, oldest: 5_000 });
    const got = await queue.consume(scheduler, { concurrency: 1, hold: true });
    await got.count(1);
    await depthIs(scheduler, "default", { waiting: 2, active: 1, oldest: 6_000 });
    got.releaseAll();
    await depthIs(scheduler, "default", { waiting: 0, active: 0, oldest: null });
  });

  use(
    "refuses a task of more than 1 KiB, or with an id that the queue cannot have, and all that came with it",
    async (queue) => {
      const scheduler = await queue.open();
      for (const wrong of [
        someTask({ workflow: "x".repeat(1_024) }),
        someTask({ workspace: "é".repeat(500) }),
        someTask({ node: "a:b" }),
      ]) {
        await expect(scheduler.dispatch([someTask(), wrong])).rejects.toMatchObject({ code: "task_invalid" });
      }
      expect(await scheduler.depth("default")).toMatchObject({ waiting: 0 });
      await scheduler.dispatch([
        someTask({ workspace: "w".repeat(64), workflow: "f".repeat(128), node: "n".repeat(128) }),
      ]);
      expect(await scheduler.depth("default")).toMatchObject({ waiting: 1 });
    },
  );

  use("dispatching nothing is nothing", async (queue) => {
    const scheduler = await queue.open();
    await scheduler.dispatch([]);
    expect(await scheduler.depth("default")).toEqual({ waiting: 0, active: 0, oldest: null });
  });
}
