/** Opening, pausing, rebuilding and closing. */
import { depthIs, someTask, someTasks, type UseQueue } from "./fixture.ts";
import type { TestFramework } from "../test-framework.ts";

export function lifecycleContract(use: UseQueue, { expect }: TestFramework): void {
  use("does nothing before it was opened, nor after it was closed", async (queue) => {
    const closed = await queue.open();
    await closed.close();
    for (const scheduler of [queue.fixture.create(), closed]) {
      const code = "engine_not_started";
      await expect(scheduler.dispatch([someTask()])).rejects.toMatchObject({ code });
      await expect(scheduler.depth("default")).rejects.toMatchObject({ code });
      await expect(scheduler.checkEpoch()).rejects.toMatchObject({ code });
      const consuming = scheduler.consume({ lane: "default", concurrency: 1, handle: async () => {} });
      await expect(consuming).rejects.toMatchObject({ code });
      await scheduler.close();
    }
  });

  use("a paused consumer takes nothing until it is resumed", async (queue) => {
    const scheduler = await queue.open();
    const paused = await queue.consume(scheduler);
    await paused.consumer.pause();
    await paused.consumer.pause();
    const [first, second] = [someTask(), someTask()];
    await scheduler.dispatch([first]);
    // Somebody else gets it, so it was there to be taken.
    const other = await queue.consume(await queue.open());
    await other.count(1);
    await other.consumer.close(1_000);
    await paused.consumer.resume();
    await paused.consumer.resume();
    await scheduler.dispatch([second]);
    await paused.count(1);
    await depthIs(scheduler, "default", { waiting: 0, active: 0 });
    expect([other.nodes, paused.nodes]).toEqual([[first.node], [second.node]]);
  });

  use("a pause leaves the tasks in hand alone", async (queue) => {
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler, { concurrency: 2, hold: true });
    await scheduler.dispatch(someTasks(2));
    await got.count(2);
    await got.consumer.pause();
    await scheduler.dispatch(someTasks(3));
    got.releaseAll();
    await depthIs(scheduler, "default", { waiting: 3, active: 0 });
    expect(got.tasks).toHaveLength(2);
    await got.consumer.resume();
    await got.count(5);
    await depthIs(scheduler, "default", { waiting: 0, active: 0 });
  });

  use("a rebuilt consumer goes on, and the tasks in hand come to their end", async (queue) => {
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler, { concurrency: 2, hold: true });
    await scheduler.dispatch([someTask()]);
    await got.count(1);
    await got.consumer.rebuild();
    await scheduler.dispatch([someTask()]);
    await got.count(2);
    got.releaseAll();
    await depthIs(scheduler, "default", { waiting: 0, active: 0 });
    await scheduler.dispatch(someTasks(5));
    await got.count(7);
    expect(got.consumer.taken).toBe(7);
  });

  use("close waits for the tasks in hand, and leaves the others to others", async (queue) => {
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler, { concurrency: 1, hold: true });
    await scheduler.dispatch(someTasks(3));
    await got.count(1);
    const closed = got.consumer.close(20_000);
    got.release();
    await closed;
    expect(got.inHand).toBe(0);
    await depthIs(scheduler, "default", { waiting: 2, active: 0 });
    const next = await queue.consume(scheduler);
    await next.count(2);
    expect(got.tasks).toHaveLength(1);
  });

  use(
    "close ends at its deadline though a handler hangs; its task comes to another consumer",
    async (queue) => {
      const scheduler = await queue.open();
      const hung = await queue.consume(scheduler, { concurrency: 1, hold: true });
      await scheduler.dispatch([someTask()]);
      await hung.count(1);
      const startedAt = performance.now();
      await hung.consumer.close(200);
      const tookMs = performance.now() - startedAt;
      expect(tookMs).toBeGreaterThanOrEqual(190);
      expect(tookMs).toBeLessThan(2_000);
      const next = await queue.consume(scheduler);
      await next.count(1);
      expect(next.nodes).toEqual(hung.nodes);
      hung.releaseAll();
      await depthIs(scheduler, "default", { waiting: 0, active: 0 });
    },
  );

  use("an idle consumer closes at once, and twice is once", async (queue) => {
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler);
    const startedAt = performance.now();
    await Promise.all([got.consumer.close(10_000), got.consumer.close(10_000)]);
    await got.consumer.resume();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    await scheduler.dispatch([someTask()]);
    const next = await queue.consume(scheduler);
    await next.count(1);
    expect(got.tasks).toHaveLength(0);
  });
}
